"""The arguments that each model server knows, as recorded from its own parser.

In: `flags/<engine>-<version>.json`, one file for each version whose parser was run. Out: `Flags`.
A file holds hundreds of arguments and is asked for only where a resource has arguments of its own,
so it is read then and not before, and only the last few are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

from cosmos3_operator.catalog.load import CatalogError

KEPT = 4
"""Recorded parsers in memory at once: judgement, two runtimes that are each judged by two."""


class Takes(StrEnum):
    """How many values follow a flag."""

    NONE = "none"
    ONE = "one"
    OPTIONAL = "optional"
    MANY = "many"


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One argument of one server."""

    name: str
    spellings: tuple[str, ...]
    takes: Takes
    choices: tuple[str, ...]
    """Values that it accepts; any if empty."""
    type: str
    """What its values are turned into, e.g. int; "" if not recorded."""


@dataclass(frozen=True, kw_only=True)
class Flags:
    """The parser of one version of one server."""

    label: str
    """Engine and version, e.g. `vllm-omni 0.30.0`."""
    by_spelling: Mapping[str, Flag]
    refused_at_start: Mapping[str, str]
    """Spelling that parses → what the server says before it exits. vLLM has none."""

    def __len__(self) -> int:
        return len(set(self.by_spelling.values()))

    def refusal(self, spelling: str, flag: Flag) -> str | None:
        """Return what the server says at start to a flag as it is spelled, None if it starts."""
        whole = spelling if spelling in flag.spellings else flag.name
        return self.refused_at_start.get(whole)


@lru_cache(maxsize=KEPT)
def recorded(name: str) -> Flags:
    """Return a recorded parser, e.g. `vllm-omni-0.30.0`."""
    file = files("cosmos3_operator.catalog") / "flags" / f"{name}.json"
    if not file.is_file():
        raise CatalogError(f"flags/{name}.json: there is no such file")
    return parse(file.read_text("utf-8"), where=f"flags/{name}.json")


def parse(text: str, *, where: str) -> Flags:
    """Build a parser from the text of its file."""
    try:
        data = json.loads(text)
        flags = [_flag(name, raw) for name, raw in data["flags"].items()]
        return Flags(
            label=f"{data['engine']} {data['version']}",
            by_spelling={spelling: flag for flag in flags for spelling in flag.spellings},
            refused_at_start=dict(data.get("refused_at_start", {})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogError(f"{where}: {error!r}") from error


def _flag(name: str, raw: Mapping[str, Any]) -> Flag:
    return Flag(
        name=name,
        spellings=tuple(raw["spellings"]),
        takes=Takes(raw["takes"]),
        choices=tuple(map(str, raw.get("choices") or ())),
        type=raw.get("type", ""),
    )
