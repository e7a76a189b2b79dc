"""Finds the line of a text that tells why a container ended.

In: text, the rules, and which of them are about this container. Out: `Told`. A server that fails
prints its cause once and then what follows from it, process by process, so the last line seldom
tells. Every rule is tried on every line; the strongest one wins and, of equals, the last line. What
was overcome before the server was up does not count. The time is one pass for each rule: patterns
hold no repetition within a repetition (a test looks), and lines are cut.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from cosmos3_operator.diagnosis.text import around, level_of, lines_of, steady, words_of
from cosmos3_operator.diagnosis.types import Meaning, Rule, Scope, Told

NEARBY = 6
"""Lines before and after that belong to the same message: hub errors have up to five lines."""

AFTER_SERVING = 300
"""Of a server that was up, only so many last lines count: what a request met with hours ago did
not end it."""

_UP = re.compile(r"Application startup complete\.")
_NOISE = re.compile(
    r'"(?:GET|POST|PUT|DELETE|HEAD|OPTIONS) /\S* HTTP/\d|'
    r"\d%\|| {0,8}File \"|^[ ^~]*$|^ |^\}|^Traceback |"
    r"^(?:During handling of the above exception|The above exception was the direct cause)|"
    r"Shutting down|Waiting for application shutdown|Application shutdown complete|"
    r"Finished server process"
)
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception|Timeout|Failure|Exit)(?::|$)")
_BAD = ("ERROR", "CRITICAL", "FATAL")


def applies(rule: Rule, scope: Scope) -> bool:
    """Tell whether a rule is about such a container at all."""
    return (
        scope.face in rule.faces
        and scope.container in rule.containers
        and scope.facts.issuperset(rule.when)
    )


def tell(text: str, *, rules: Iterable[Rule], scope: Scope) -> Told | None:
    """Return what a text and an exit code say, None if they say nothing."""
    mine = [rule for rule in rules if applies(rule, scope)]
    log = Log(text)
    log.forget(rule for rule in mine if rule.meaning is Meaning.BENIGN)
    causes = [rule for rule in mine if rule.meaning is Meaning.CAUSE]
    found = [told for rule in causes if (told := _tried(rule, log, scope))]
    if found:
        return min(found, key=lambda one: (one[0], -one[1]))[2]
    consequences = [rule for rule in mine if rule.meaning is Meaning.CONSEQUENCE]
    return _unknown(log, consequences)


class Log:
    """The lines of a text, so that a pattern goes over all of them at once."""

    def __init__(self, text: str) -> None:
        lines = lines_of(text)
        up = next((i for i in reversed(range(len(lines))) if _UP.search(lines[i])), None)
        if up is not None:
            lines = lines[max(up + 1, len(lines) - AFTER_SERVING) :]
        self.lines = lines
        self._join()

    def _join(self) -> None:
        self._text = "\n".join(self.lines)
        self._starts = list(accumulate((len(line) + 1 for line in self.lines), initial=0))

    def forget(self, rules: Iterable[Rule]) -> None:
        """Leave out lines that look like failures and are none."""
        for rule in rules:
            for at, _ in list(self.found(rule)):
                self.lines[at] = ""
        self._join()

    def found(self, rule: Rule) -> Iterator[tuple[int, re.Match[str]]]:
        """Yield the numbers of the lines that a rule knows, with what it found in the text."""
        if rule.pattern is None:
            return
        for match in rule.pattern.finditer(self._text):
            at = bisect_right(self._starts, match.start()) - 1
            if self._holds(rule, at):
                yield at, match

    def start_of(self, at: int) -> int:
        """Return where a line begins in the text."""
        return self._starts[at]

    def _holds(self, rule: Rule, at: int) -> bool:
        if rule.unless and rule.unless.search(self.lines[at]):
            return False
        if rule.near is None:
            return True
        nearby = self.lines[max(0, at - NEARBY) : at + NEARBY + 1]
        return any(rule.near.search(line) for line in nearby)


def _tried(rule: Rule, log: Log, scope: Scope) -> tuple[int, int, Told] | None:
    """Return rank, line and words of a rule's last match, None if it has none."""
    if rule.exit_codes:
        ended = scope.exit_code in rule.exit_codes
        return (rule.rank, -1, Told(rule=rule, rank=rule.rank, line="")) if ended else None
    found = deque(log.found(rule), maxlen=1)
    if not found:
        return None
    at, match = found[0]
    values = {name: steady(value or "") for name, value in match.groupdict().items()}
    return (
        rule.rank,
        at,
        Told(rule=rule, rank=rule.rank, line=_quoted(rule, log, at, match), values=values),
    )


def _quoted(rule: Rule, log: Log, at: int, match: re.Match[str]) -> str:
    line = log.lines[at]
    if rule.quote and (part := rule.quote.search(line)):
        return around(steady(part[0]), start=0, end=0)
    words = words_of(line)
    # Whatever was cut off stood before the words.
    start = match.start() - log.start_of(at) - (len(line) - len(words))
    return around(steady(words), start=max(0, start), end=max(0, start) + len(match[0]))


def _unknown(log: Log, consequences: Sequence[Rule]) -> Told | None:
    """Return the line that is most likely to tell, where no rule knows any."""
    followed = {at for rule in consequences for at, _ in log.found(rule)}
    words = [(at, words_of(line)) for at, line in enumerate(log.lines) if line]
    said = [(at, text) for at, text in words if text and not _NOISE.search(log.lines[at])]
    own = [(at, text) for at, text in said if at not in followed]
    return (
        _told(10, (text for _, text in own if _EXCEPTION.match(text)))
        or _told(10, (text for at, text in own if level_of(log.lines[at]) in _BAD))
        or _told(12, (text for _, text in said if _EXCEPTION.match(text)))
        or _told(11, (text for _, text in own))
        or _told(12, (text for _, text in said))
    )


def _told(rank: int, texts: Iterable[str]) -> Told | None:
    """Return the last of several lines, None if there is none."""
    last = deque(texts, maxlen=1)
    return (
        Told(rule=None, rank=rank, line=around(steady(last[0]), start=0, end=0)) if last else None
    )
