"""Makes values.schema.json from the values: what is not listed is refused, and so is a wrong type.

In: sections of values, and shapes.yaml. Out: a schema of draft 7, which every Helm 3 and 4 reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from chart_values.values import Section, Value, ValuesError

Schema = dict[str, Any]

_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def schema(sections: Iterable[Section], *, title: str) -> Schema:
    """Return the schema of all values."""
    values = [value for section in sections for value in section.values]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **_object(values),
    }


def of(value: Value) -> Schema:
    """Return the schema of one value."""
    hints: Schema = _expanded(dict(value.hints))
    described = {"description": value.text} if value.text else {}
    if value.children:
        return described | _object(value.children) | hints
    return described | {"type": _type(value), "default": value.default} | hints


def _object(values: Iterable[Value]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {value.name: of(value) for value in values},
    }


def _type(value: Value) -> str:
    try:
        return _TYPES[type(value.default)]
    except KeyError:
        message = f"values.yaml:{value.line + 1}: {value.path} needs a default other than null"
        raise ValuesError(message) from None


def _expanded(part: Any) -> Any:
    """Put the forms in for their names, wherever one is named."""
    if isinstance(part, list):
        return [_expanded(item) for item in part]
    if not isinstance(part, dict):
        return part
    named = _expanded(shapes()[part["shape"]]) if "shape" in part else {}
    return named | {key: _expanded(item) for key, item in part.items() if key != "shape"}


@cache
def shapes() -> Mapping[str, Any]:
    """Return the forms by name."""
    text = Path(__file__).with_name("shapes.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found
