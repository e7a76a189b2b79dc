"""Schema errors in words: field path, value, rule and way out, one error for each field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cosmos3_operator.api.errors import FieldError
from cosmos3_operator.api.rules import RULE_ERROR

_Context = Mapping[str, Any]

_WORDS: Mapping[str, Callable[[_Context], str]] = {
    "missing": lambda c: "is missing: it has no default",
    "literal_error": lambda c: f"must be one of {c['expected']}",
    "greater_than_equal": lambda c: f"must be at least {c['ge']}",
    "less_than_equal": lambda c: f"must be at most {c['le']}",
    "int_type": lambda c: "must be a whole number, without quotes",
    "string_type": lambda c: "must be a text: put it in quotes",
    "bool_type": lambda c: "must be true or false, without quotes",
    "string_too_long": lambda c: f"must have at most {c['max_length']} characters",
    "string_too_short": lambda c: "must not be empty: leave it out or give it a value",
    "too_long": lambda c: f"must have at most {c['max_length']} items, not {c['actual_length']}",
    "too_short": lambda c: f"must have at least {c['min_length']} items, not {c['actual_length']}",
    "tuple_type": lambda c: "must be a list",
    "dict_type": lambda c: "must be a map",
    "model_type": lambda c: "must be a map of fields",
    "model_attributes_type": lambda c: "must be a map of fields",
    RULE_ERROR: lambda c: str(c["text"]),
}

_LONGEST = 60

MAPS = frozenset({"annotations", "labels", "matchLabels", "nodeSelector"})
"""Fields whose parts are named by users: `labels[team]`, as the API server writes it."""


def in_words(error: ValidationError) -> list[FieldError]:
    """Translate what the schema found, at most one error for each field."""
    found: dict[str, FieldError] = {}
    for detail in error.errors(include_url=False):
        if _only_its_items_are_wrong(detail):
            continue
        path = _path(detail)
        found.setdefault(path, _translated(path, detail))
    return list(found.values())


def shown(value: Any) -> str:
    """Return a scalar as users wrote it, cut where it is long; "" for what has parts."""
    if value is None or isinstance(value, dict | list | tuple):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _translated(path: str, detail: ErrorDetails) -> FieldError:
    if detail["input"] is None:
        return FieldError(path, "must not be null: drop it or give it a value")
    words = _WORDS.get(detail["type"])
    message = words(detail.get("ctx", {})) if words else detail["msg"]
    value = "" if detail["type"] == "missing" else shown(detail["input"])
    return FieldError(path, message, value)


def _path(detail: ErrorDetails) -> str:
    path = "spec"
    for part in detail["loc"]:
        # Pydantic says "[key]" about the key of a map, where the key itself says enough.
        if part == "[key]":
            continue
        of_field = isinstance(part, str) and path.rpartition(".")[2] not in MAPS
        path += f".{part}" if of_field else f"[{part}]"
    return path


def _only_its_items_are_wrong(detail: ErrorDetails) -> bool:
    """Tell whether a list counts as too short merely because items of it are wrong."""
    value, context = detail["input"], detail.get("ctx", {})
    if detail["type"] != "too_short" or not isinstance(value, list | tuple):
        return False
    return len(value) >= int(context["min_length"])
