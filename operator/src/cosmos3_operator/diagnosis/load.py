"""Reads `rules.yaml` into the types of `diagnosis.types`.

In: the package's own data file. Out: the rules, in the order of the file. A key that is missing,
unknown or wrong raises `RulesError` naming the rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.diagnosis.types import Fact, Meaning, Rule

# libyaml's loader is ten times as fast; the pure one serves where it was not compiled in.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RulesError(Exception):
    """The program's own rules are wrong."""


@cache
def rules() -> tuple[Rule, ...]:
    """Return all rules."""
    text = (files("cosmos3_operator.diagnosis") / "rules.yaml").read_text("utf-8")
    return read(yaml.load(text, Loader=_LOADER))  # noqa: S506 - one of two safe loaders


def read(entries: list[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the rules that entries of a file stand for."""
    found = tuple(_rule(entry) for entry in entries)
    names = [rule.name for rule in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise RulesError(f"two rules are called {twice}")
    return found


def _rule(entry: Mapping[str, Any]) -> Rule:
    name = entry.get("name", "one without a name")
    if unknown := entry.keys() - _READERS.keys():
        raise RulesError(f"{name}: unknown keys {sorted(unknown)}")
    try:
        rule = Rule(**{key: _READERS[key](value) for key, value in entry.items()})
    except (TypeError, ValueError, re.error) as error:
        raise RulesError(f"{name}: {error}") from error
    _check(rule)
    return rule


def _check(rule: Rule) -> None:
    if (rule.meaning is Meaning.CAUSE) != (rule.reason is not None and rule.what != ""):
        raise RulesError(f"{rule.name}: causes, and only they, have a reason and say what happened")
    if (rule.pattern is None) == (not rule.exit_codes):
        raise RulesError(f"{rule.name}: needs either a pattern or exit_codes")


def _words(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value.strip("\n")


def _pattern(value: Any) -> re.Pattern[str]:
    return re.compile(_words(value), re.MULTILINE)


def _all(read_one: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda values: tuple(read_one(value) for value in values)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "name": _words,
    "meaning": Meaning,
    "reason": Reason,
    "faces": _all(_words),
    "containers": _all(_words),
    "rank": int,
    "pattern": _pattern,
    "unless": _pattern,
    "near": _pattern,
    "exit_codes": _all(int),
    "when": _all(Fact),
    "quote": _pattern,
    "what": _words,
    "remedy": _words,
    "advice": _words,
    "lasting": bool,
    "example": _words,
    "counter_examples": _all(_words),
    "source": _words,
}
