"""What a user sees, brought into a form that is the same each time.

In: what kubectl prints. Out: the text that is kept in recorded/: without times, ages, addresses and
generated names, and without what says nothing about why it fails.
"""

from __future__ import annotations

import re

_STAMP = (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>")
_UID = (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>")
_ADDRESS = (re.compile(r"198\.1[89](\.\d+){2}"), "<address>")
_POD = (
    re.compile(r"\b((?:vision|video)-(?:reasoner|generator))-[a-z0-9]{8,10}-[a-z0-9]{5}\b"),
    r"\1-<pod>",
)
_JOB_POD = (
    re.compile(r"\b((?:vision|video)-\S*access\S*?)-[0-9a-f]{6,10}(-[a-z0-9]{5})?\b"),
    r"\1-<job>",
)
_NODE = (re.compile(r"\bgpu-h100-\d\b"), "gpu-h100-<n>")
_AGE = r"(?:\d+[dhms])+"
# Steps that grow with the life of a pod; which one is seen depends on the machine.
_TIMES = (re.compile(r"\bat least \d+ times\b"), "at least <n> times")
_OLD = re.compile(rf"^{_AGE}$")
_EVENT_AGE = (re.compile(rf"\s+{_AGE}(?: \(x\d+ over {_AGE}\))?\s+(\S+)\s+"), r"  <age>  \1  ")

CAUSE_UNKNOWN = "ContainerFailed"
"""A failure is told at once, and its cause as soon as the log has been read: two Warnings then."""
_LEFT_OUT = frozenset(
    {
        "Endpoint",
        "Last Transition Time",
        "Observed Generation",
        "Plan",
        "Ready Replicas",
        "Replicas",
        "Selector",
        "Startup",
    }
)


_OF_A_RUN = ("PHASE", "LEFT")
"""Columns about the run of a container, which come and go."""


def listing(text: str) -> str:
    """Return the output of `kubectl get`, its columns as narrow as they can be."""
    lines = text.rstrip().splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", lines[0])]
    ends = [*starts[1:], None]
    rows = [
        [
            _OLD.sub("<age>", line[start:end].strip())
            for start, end in zip(starts, ends, strict=True)
        ]
        for line in lines
    ]
    kept = [place for place, name in enumerate(rows[0]) if name not in _OF_A_RUN]
    rows = [[row[place] for place in kept] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return _normal("\n".join(padded))


def description(text: str) -> str:
    """Return the status and the warnings of `kubectl describe`."""
    status, _, events = text[text.index("\nStatus:") + 1 :].partition("\nEvents:")
    return _normal(f"{_with_one_finding(_trimmed(status))}\n{_events(events)}")


def _trimmed(text: str) -> str:
    """Leave some fields out, with everything below them."""
    kept: list[str] = []
    below: int | None = None
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip())
        if below is not None and depth > below:
            continue
        below = depth if line.strip().partition(":")[0] in _LEFT_OUT else None
        if below is None:
            kept.append(line.rstrip())
    return "\n".join(kept)


def _with_one_finding(text: str) -> str:
    """Keep the first finding: what another pod is doing meanwhile depends on the moment.

    kubectl sorts the fields of an item, so the next item begins where the order breaks.
    """
    before, heading, after = text.partition("\n  Findings:\n")
    kept: list[str] = []
    for line in after.splitlines():
        if kept and not line.startswith("    ") and line.strip():
            break
        if kept and line.strip().partition(":")[0] <= kept[-1].strip().partition(":")[0]:
            break
        kept.append(line)
    return before + heading + "\n".join(kept)


def _events(text: str) -> str:
    """Keep the Warnings, each once: which steps of a start were seen depends on the moment.

    So does whether a failure was told before its cause was known.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("Warning")]
    lines = [line for line in lines if line.split()[1] != CAUSE_UNKNOWN]
    told = sorted({_EVENT_AGE[0].sub(_EVENT_AGE[1], line, count=1) for line in lines})
    return "\n".join(["Events:", *(f"  {line}" for line in told)]) if told else "Events:  <none>"


def _normal(text: str) -> str:
    for pattern, word in (_STAMP, _UID, _ADDRESS, _POD, _JOB_POD, _NODE, _TIMES):
        text = pattern.sub(word, text)
    return text + "\n"
