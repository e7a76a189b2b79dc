"""What the pages of the reasons show, and the index of them.

In: the catalog's pages, and the golden cases that they name as examples. Out: the values for the
templates reason.md.j2 and reasons.md.j2. An example is quoted as `kubectl describe` prints it, with
long lines broken.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cosmos3_operator.catalog.reasons import Group, page, reasons

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden_status"
WIDTH = 100

_REPEATED = ("Reconciling", "Stalled")
"""They say what Ready says, so the pages name Ready alone."""


def all_pages() -> dict[str, dict[str, Any]]:
    """Return what each page shows, by reason."""
    return {reason: _page(reason) for reason in reasons()}


def index() -> dict[str, Any]:
    """Return what the index shows: chapters of reasons, each with its first sentence."""
    chapters = {
        str(group): [
            (name, first_sentence(page(name).meaning), page(name).seen_in)
            for name in reasons()
            if page(name).group is group
        ]
        for group in Group
    }
    return {"chapters": chapters}


def first_sentence(text: str) -> str:
    """Return the first sentence of a text that fills several lines."""
    return re.split(r"\. (?=[A-Z`])", " ".join(text.split()))[0].rstrip(".") + "."


def shown_in(status: Mapping[str, Any], reason: str) -> list[Mapping[str, Any]]:
    """Return the conditions of a status that carry a reason, without those that repeat Ready."""
    return [
        condition
        for condition in status["conditions"]
        if condition["reason"] == reason and condition["type"] not in _REPEATED
    ]


def status_of(case: str) -> dict[str, Any]:
    """Return the status of a golden case."""
    loaded: dict[str, Any] = yaml.safe_load((GOLDEN / case / "status.yaml").read_text("utf-8"))
    return loaded


def _page(reason: str) -> dict[str, Any]:
    found = page(reason)
    return {
        "reason": reason,
        "group": str(found.group),
        "event": str(found.event),
        "seen_in": found.seen_in,
        "meaning": found.meaning,
        "evidence": found.evidence,
        "remedy": found.remedy,
        "case": found.example,
        "moment": _moment(found.example),
        "example": "\n".join(_example(reason, status_of(found.example))),
    }


def _moment(case: str) -> str:
    """Return the comment that a case begins with: what has just happened."""
    text = (GOLDEN / case / "observed.yaml").read_text("utf-8")
    lines = re.match(r"(# .*\n)*", text)
    return lines[0].replace("# ", "").replace("\n", " ").strip() if lines else ""


def _example(reason: str, status: Mapping[str, Any]) -> Iterator[str]:
    """Yield the part of a status that is about a reason."""
    conditions = shown_in(status, reason)[:1]
    yield "Status:"
    yield "  Conditions:"
    for condition in conditions:
        yield from _fields(condition, indent=4)
    if findings := [one for one in status.get("findings", ()) if one["reason"] == reason]:
        yield "  Findings:"
        for finding in findings:
            yield from _fields(finding, indent=4)
    if reason == "Starting" and "startup" in status:
        yield "  Startup:"
        yield from _fields(status["startup"], indent=4)


def _fields(values: Mapping[str, Any], *, indent: int) -> Iterator[str]:
    """Yield lines as kubectl writes them: names in order and in words, values in a column."""
    named = {_words(name): str(value) for name, value in sorted(values.items())}
    column = indent + max(map(len, named)) + 3
    for name, value in named.items():
        head = f"{' ' * indent}{name}:".ljust(column)
        yield from textwrap.wrap(
            " ".join(value.split()),
            WIDTH,
            initial_indent=head,
            subsequent_indent=" " * column,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name[:1].upper() + name[1:])
