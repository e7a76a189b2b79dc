"""What docs/gitops.md shows: what each tool sees in each phase, and how reasons look to them.

In: tests/gitops, where phases were made to happen and recorded, and the reasons are sorted. Out:
the values for the template gitops.md.j2.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "gitops"
RECORDED = FOLDER / "recorded.yaml"
_WIDTH = 98


@dataclass(frozen=True, kw_only=True)
class Look:
    """What reasons of one kind look like to a tool that knows only kstatus."""

    title: str
    why: str
    at_first: tuple[str, ...]
    in_the_end: str
    reasons: tuple[str, ...]

    @property
    def seen(self) -> str:
        """What it is at first and in the end, in words."""
        first = " or ".join(self.at_first)
        return first if self.at_first == (self.in_the_end,) else f"{first}, then {self.in_the_end}"

    @property
    def links(self) -> str:
        """The reasons, each with a link to its page."""
        return ", ".join(map(_link, self.reasons))


def gitops() -> dict[str, Any]:
    """Return what the page shows."""
    recorded = yaml.safe_load(RECORDED.read_text("utf-8"))
    return {
        "refusal": textwrap.wrap(recorded["refused"], _WIDTH, break_on_hyphens=False),
        "phases": [_row(phase, recorded["phases"][phase["name"]]) for phase in phases()],
        "looks": looks(),
    }


@cache
def phases() -> tuple[Mapping[str, Any], ...]:
    """Return the phases of a life, in its order; tests/gitops/phases.yaml explains the fields."""
    return tuple(yaml.safe_load((FOLDER / "phases.yaml").read_text("utf-8")))


@cache
def looks() -> tuple[Look, ...]:
    """Return every look, best first."""
    raw = yaml.safe_load((FOLDER / "reasons.yaml").read_text("utf-8"))
    return tuple(
        Look(**one | {name: tuple(one[name]) for name in ("at_first", "reasons")}) for one in raw
    )


def _row(phase: Mapping[str, Any], seen: Mapping[str, str]) -> Mapping[str, str]:
    return {"phase": phase["phase"], **seen, "says": _says(seen["says"])}


def _says(says: str) -> str:
    """Return status and reason of Ready, e.g. False, Starting (Loading), with a link."""
    if not says:
        return ""
    status, reason, *rest = says.split(" ")
    return " ".join([f"{status},", _link(reason), *rest])


def _link(reason: str) -> str:
    return f"[{reason}](reasons/{reason}.md)"
