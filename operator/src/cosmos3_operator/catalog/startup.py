"""What model servers print while they start, as data: which line tells which phase has begun.

In: `startup.yaml`. Out: `StartupLine`s, in the order of phases, read when a start is looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from cosmos3_operator.catalog.load import CatalogError, read_entry


class Phase(StrEnum):
    """How far a replica is that starts, in the order in which phases follow each other."""

    SCHEDULING = "Scheduling"
    PULLING = "Pulling"
    PREPARING = "Preparing"
    DOWNLOADING = "Downloading"
    LOADING = "Loading"
    WARMING_UP = "WarmingUp"

    @property
    def rank(self) -> int:
        """Its place in the order."""
        return list(Phase).index(self)


@dataclass(frozen=True, kw_only=True)
class StartupLine:
    """One line that tells."""

    phase: Phase
    engines: tuple[str, ...]
    pattern: str
    versions: str
    example: str
    source: str
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class _StartupFile:
    lines: tuple[StartupLine, ...]


@cache
def startup_lines() -> tuple[StartupLine, ...]:
    """Return all lines, of both engines."""
    text = (files("cosmos3_operator.catalog") / "startup.yaml").read_text("utf-8")
    return parse(text)


@cache
def telling(engine: str) -> tuple[tuple[StartupLine, re.Pattern[str]], ...]:
    """Return the lines of an engine with their compiled patterns."""
    return tuple(
        (line, re.compile(line.pattern)) for line in startup_lines() if engine in line.engines
    )


def parse(text: str) -> tuple[StartupLine, ...]:
    """Build the lines from the text of their file."""
    lines = read_entry(text, _StartupFile, "startup.yaml").lines
    for line in lines:
        if not re.search(line.pattern, line.example):
            raise CatalogError(f"startup.yaml: {line.pattern!r} does not find its own example")
    return lines
