"""What a parser accepts, as data: every flag with its spellings, values, choices and default.

In: the parser that the server built. Out: JSON-able descriptions by flag. Whatever depends on the
machine that asks is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from typing import Any

_HELP = {"-h", "--help"}


def flags(parser: argparse.ArgumentParser) -> dict[str, dict[str, Any]]:
    """Return every optional argument of a parser, by its name."""
    return {name_of(action): _describe(action) for action in actions(parser)}


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield what a parser does with each flag, but for --help, with which no server starts."""
    for action in parser._actions:
        if action.option_strings and not _HELP.intersection(action.option_strings):
            yield action


def name_of(action: argparse.Action) -> str:
    """Return the spelling that a flag is listed under: the one that its field is named after."""
    field = "--" + action.dest.replace("_", "-")
    long = [spelling for spelling in action.option_strings if spelling.startswith("--")]
    return field if field in long else (long or action.option_strings)[0]


def takes(action: argparse.Action) -> str:
    """Return how many values a flag takes: none, one, optional (none or one) or many."""
    if action.nargs is None:
        return "one"
    if action.nargs == 0:
        return "none"
    return "optional" if action.nargs == argparse.OPTIONAL else "many"


def _describe(action: argparse.Action) -> dict[str, Any]:
    described: dict[str, Any] = {"spellings": list(action.option_strings), "takes": takes(action)}
    if action.choices is not None:
        described["choices"] = [str(choice) for choice in action.choices]
    if _portable(action.default):
        described["default"] = action.default
    if action.nargs != 0 and action.type is not None:
        described["type"] = _type_name(action.type)
    return described


def _type_name(convert: Any) -> str:
    """Tell a type by what it makes of samples: most are closures without a telling name."""
    if _try(convert, "{}") is not _FAILED and _try(convert, "a b") is _FAILED:
        return "json"
    if isinstance(_try(convert, "7"), int):
        return "int" if _try(convert, "7k") is _FAILED else "human_readable_int"
    return "float" if isinstance(_try(convert, "0.5"), float) else "str"


_FAILED = object()


def _try(convert: Callable[[str], Any], sample: str) -> Any:
    try:
        return convert(sample)
    except Exception:
        return _FAILED


def _portable(default: Any) -> bool:
    """Whether a default is JSON and the same on every machine."""
    try:
        text = json.dumps(default)
    except TypeError:
        return False
    here = (os.path.expanduser("~"), platform.node(), os.getcwd())
    return not any(place and place in text for place in here) and default != argparse.SUPPRESS
