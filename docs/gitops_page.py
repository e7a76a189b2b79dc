"""What docs/gitops.md shows: what each tool sees in each phase, and what reasons look like to them.

In: tests/gitops, where phases were made to happen and recorded, and the reasons are sorted. Out: the
values for the template gitops.md.j2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "gitops"
RECORDED = FOLDER / "recorded.yaml"


@dataclass(frozen=True, kw_only=True)
class Look:
    """What reasons of one kind look like to a tool that knows only kstatus."""

    title: str
    why: str
    at_first: tuple[str, ...]
    in_the_end: str
    reasons: tuple[str, ...]


def gitops() -> dict[str, Any]:
    """Return what the page shows."""
    recorded = yaml.safe_load(RECORDED.read_text("utf-8"))
    return {
        "refusal": recorded["refused"],
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
    return {"phase": phase["phase"], **seen}
