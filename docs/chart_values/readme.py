"""What the chart's README says of a value: type, default and what it does, as table cells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chart_values.schema import Schema, of
from chart_values.values import Section, Value

LONGEST_DEFAULT = 60
"""Longer ones are better read in values.yaml."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table."""

    path: str
    type: str
    default: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """One section."""

    title: str
    text: str
    rows: tuple[Row, ...]


def table(section: Section) -> Table:
    """Return a section as it is shown."""
    rows = (row(leaf) for value in section.values for leaf in value.leaves())
    return Table(title=section.title, text=section.text, rows=tuple(rows))


def row(value: Value) -> Row:
    """Return a value as it is shown."""
    return Row(
        path=value.path,
        type=_cell(_type(of(value))),
        default=_cell(_default(value.default)),
        text=_cell(value.text),
    )


def _type(part: Schema) -> str:
    if "enum" in part:
        return "one of " + ", ".join(f"`{choice}`" for choice in part["enum"])
    if part.get("type") == "array":
        return "list"
    if part.get("type") == "object":
        return "map"
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    return " or ".join(kinds) + _range(part)


def _range(part: Schema) -> str:
    low, high = part.get("minimum"), part.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low else ""


def _default(default: Any) -> str:
    text = json.dumps(default, ensure_ascii=False)
    return f"`{text}`" if len(text) <= LONGEST_DEFAULT else "see values.yaml"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
