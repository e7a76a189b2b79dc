"""Reads values.yaml of the chart: each value with its default, its comment and its hints.

In: the text, whose comments have the form that its first lines describe. Out: sections of `Value`s,
as a tree. A value without a description, or a hint that nobody knows, is an error that names the
line: an undocumented value must not get in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

_SECTION, _TEXT, _HINT = "# @section ", "# -- ", "# @schema "
HINTS = frozenset(
    {
        *("shape", "type", "enum", "pattern", "minimum", "maximum", "minLength"),
        *("items", "minItems", "uniqueItems", "additionalProperties"),
    }
)


class ValuesError(ValueError):
    """The comments do not have the form; the message names line, value and what is missing."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """One key, and what is below it."""

    path: str
    """With dots, as `--set` takes it."""
    line: int
    default: Any
    text: str
    """What it does; "" for a map that only groups others."""
    hints: Mapping[str, Any]
    children: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        """The key itself."""
        return self.path.rpartition(".")[2]

    def leaves(self) -> Iterator[Value]:
        """Yield every value that can be set by itself."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True, kw_only=True)
class Section:
    """Values that belong together."""

    title: str
    text: str
    values: tuple[Value, ...]


def read(text: str) -> tuple[Section, ...]:
    """Return the sections in their order."""
    lines = text.splitlines()
    values = _children("", yaml.compose(text), lines)
    heads = [number for number, line in enumerate(lines) if line.startswith(_SECTION)]
    if not heads or (values and values[0].line < heads[0]):
        raise ValuesError("values.yaml: the first value stands before the first section")
    ends = [*heads[1:], len(lines)]
    return tuple(
        _section(lines[start:end], [value for value in values if start < value.line < end])
        for start, end in zip(heads, ends, strict=True)
    )


def _section(lines: Sequence[str], values: Sequence[Value]) -> Section:
    words = lines[1 : lines.index("")]
    return Section(
        title=lines[0].removeprefix(_SECTION),
        text=" ".join(line.removeprefix("#").strip() for line in words),
        values=tuple(values),
    )


def _children(path: str, node: yaml.Node | None, lines: Sequence[str]) -> tuple[Value, ...]:
    if not isinstance(node, yaml.MappingNode):
        return ()
    return tuple(
        _value(f"{path}.{key.value}".lstrip("."), key, value, lines) for key, value in node.value
    )


def _value(path: str, key: yaml.Node, node: yaml.Node, lines: Sequence[str]) -> Value:
    line = key.start_mark.line
    text, hints = _comment(path, line, lines)
    children = () if "shape" in hints else _children(path, node, lines)
    if not text and not children:
        raise ValuesError(f"values.yaml:{line + 1}: {path} has no comment '# -- what it does'")
    default = yaml.safe_load(yaml.serialize(node))
    return Value(path=path, line=line, default=default, text=text, hints=hints, children=children)


def _comment(path: str, line: int, lines: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the description and the hints in the comment right above a key."""
    words: list[str] = []
    hints: dict[str, Any] = {}
    for comment in _above(line, lines):
        if comment.startswith(_HINT):
            hints |= yaml.safe_load(comment.removeprefix(_HINT))
        elif comment.startswith(_TEXT):
            words = [comment.removeprefix(_TEXT)]
        else:
            words.append(comment.removeprefix("#").strip())
    if unknown := hints.keys() - HINTS:
        raise ValuesError(f"values.yaml:{line + 1}: {path} has unknown hints {sorted(unknown)}")
    return " ".join(words), hints


def _above(line: int, lines: Sequence[str]) -> list[str]:
    start = line
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return [found.strip() for found in lines[start:line]]
