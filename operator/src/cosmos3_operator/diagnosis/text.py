"""A log as lines that can be read: without colours, progress bars and what stands before the words.

In: text as a container printed it, perhaps cut anywhere, of several processes at once. Out: lines.
All of it is one pass over the text.
"""

from __future__ import annotations

import re

MAX_LINE = 2000
"""Longer lines are cut: no message is that long, and a pattern's time grows with its line."""
QUOTED = 300

_COLOUR = re.compile(r"\x1b(?:\[[0-9;?]{0,20}[A-Za-z]|\][^\x07\n]{0,200}\x07)")
_END_OF_LINE = re.compile(r"\r\n?|\n")
_BEFORE = re.compile(
    r"\[?rank ?\d+\]?:[EWI]?\d*[\d: .]*(?:\d+ )*|"
    r"\([A-Za-z]\w*(?:[ _][\w.:-]+)* pid=\d+\) ?|"
    r"(?:\[Stage[- ]\d+\] )|"
    r"(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d[,.\d]*Z? ?(?:[-|:] )?|"
    r"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):? {0,8}(?:\d\d-\d\d \d\d:\d\d:\d\d[,.\d]* )?"
    r"(?:\[[\w./<>-]+:\d+\] ?)?"
)
_FLAPPING = (
    (re.compile(r" ?\((?:Request ID|Amzn Trace ID|Amz CF ID): [^)\n]*\)"), ""),
    (re.compile(r"\bpid[= ]\d+"), "pid …"),
    (re.compile(r"\bProcess \d+ has"), "Process … has"),
    (re.compile(r"\b0x[0-9a-fA-F]{4,16}\b"), "0x…"),
    (re.compile(r"(/dev/shm/[A-Za-z_]+-?)[A-Za-z0-9_]{4,}"), r"\1…"),
)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, each no longer than is worth reading."""
    return [line[:MAX_LINE].rstrip() for line in _END_OF_LINE.split(_COLOUR.sub("", text))]


def words_of(line: str) -> str:
    """Return a line without process, level, time and place in the code."""
    while found := _BEFORE.match(line):
        if found.end() == 0:
            break
        line = line[found.end() :]
    return line.strip()


def level_of(line: str) -> str:
    """Return the level that a line was logged at, "" if it does not say."""
    found = _LEVEL.search(line[:200])
    return found[1] if found else ""


_LEVEL = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL|FATAL)\b")


def steady(line: str) -> str:
    """Return a line without what is another one each time, such as the number of a request.

    What goes into a status must stay the same while the same thing goes wrong again and again.
    """
    for pattern, instead in _FLAPPING:
        line = pattern.sub(instead, line)
    return line


def around(line: str, *, start: int, end: int, width: int = QUOTED) -> str:
    """Return the part of a long line that is around a match."""
    if len(line) <= width:
        return line
    first = max(0, min(start - (width - (end - start)) // 4, len(line) - width))
    if end <= width:
        first = 0
    cut = line[first : first + width].strip()
    return f"{'…' if first else ''}{cut}{'…' if first + width < len(line) else ''}"
