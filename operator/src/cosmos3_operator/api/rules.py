"""Validation rules that the API server and `validate` answer alike.

A rule is written once, as CEL for the CRD and as a Python check beside it, with one message
template for both. In: a validated model. Out: violations with their field paths. A property test
on a real API server holds the two sides together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"

Values = Mapping[str, object]
"""What a failed check puts into the message: placeholder → value."""


RULE_ERROR = "rule"
"""Type of the pydantic error that a broken rule over a field raises."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule over one value; `self` in CEL is the value that `check` receives."""

    cel: str
    message: str
    """Template with `{placeholder}`s: names the value, the rule and the way out. The API server
    writes it after the field's path and, where that is a scalar, its value."""
    check: Callable[[Any], Values | None]
    """The placeholders' values if the rule is broken, otherwise None."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Placeholder → CEL expression of type string."""
    path: str = ""
    """Field that the error names, relative to the value, e.g. `.parallelism.cfg`."""
    needs: tuple[str, ...] = ()
    """Fields without which the rule has nothing to say: left out, they have no empty default."""

    def violation(self, value: Any) -> str | None:
        """Return the message for a value that breaks the rule, None for one that keeps it."""
        return _filled(self.message, self.check(value))

    def to_crd(self) -> dict[str, str]:
        """Return the rule as an entry of `x-kubernetes-validations`."""
        absent = [f"!has(self.{name})" for name in self.needs]
        cel = " || ".join([*absent, f"({self.cel})"]) if absent else self.cel
        return _entry(cel, self.message, self.values, self.path)


@dataclass(frozen=True, kw_only=True)
class TransitionRule:
    """One rule over an old and a new value (`oldSelf`, `self`); it holds on updates only."""

    cel: str
    message: str
    check: Callable[[Any, Any], Values | None]
    """From old and new value, the placeholders' values if the rule is broken, otherwise None."""
    values: Mapping[str, str] = field(default_factory=dict)
    path: str = ""

    def violation(self, old: Any, new: Any) -> str | None:
        """Return the message for a change that breaks the rule, None for one that keeps it."""
        return _filled(self.message, self.check(old, new))

    def to_crd(self) -> dict[str, str]:
        """Return the rule as an entry of `x-kubernetes-validations`."""
        return _entry(self.cel, self.message, self.values, self.path)


@dataclass(frozen=True, eq=False)  # by identity: annotations are hashed, rules hold dicts
class Checked:
    """Annotation of a field: a rule over its value."""

    rule: Rule

    def _validate(self, value: Any) -> Any:
        message = self.rule.violation(value)
        if message is not None:
            raise PydanticCustomError(RULE_ERROR, "{text}", {"text": message})
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found = handler(schema)
        return found | {VALIDATIONS: [*found.get(VALIDATIONS, []), self.rule.to_crd()]}


def matches(pattern: str, hint: str, *, contains: str = "") -> Checked:
    """Return the rule that a text matches a pattern, and perhaps contains another one.

    A CEL rule, not OpenAPI's `pattern`, because only a rule can say what to write instead. The
    patterns are RE2 and Python syntax alike, with ASCII classes only; the first is anchored with
    ^ and $. The hint completes the sentence “must be …”.
    """
    part = f" && self.matches({cel_string(contains)})" if contains else ""

    def check(value: str) -> Values | None:
        found = fullmatch(pattern, value) and re.search(contains, value, re.ASCII)
        return None if found else {}

    return Checked(
        Rule(
            cel=f"self.matches({cel_string(pattern)}){part}",
            message="must be " + _escaped(hint),
            check=check,
        )
    )


def fullmatch(pattern: str, text: str) -> bool:
    """Match as RE2 does: `$` means the end of the text, never before a final newline."""
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text, re.ASCII) is not None


def cel_string(text: str) -> str:
    """Quote a text as a CEL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def cel_list(items: list[str]) -> str:
    """Write texts as a CEL list literal."""
    return "[" + ", ".join(cel_string(item) for item in items) + "]"


def cel_text(number: str, largest: int) -> str:
    """Write a CEL expression for a number from 0 to `largest` as text.

    `string(n)` would do, but the API server cannot estimate how long that gets and refuses it.
    """
    width = len(str(largest))
    table = "".join(f"{n:>{width}}" for n in range(largest + 1))
    start = f"({number}) * {width}"
    return f"{cel_string(table)}.substring({start}, {start} + {width}).trim()"


_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")


def _filled(template: str, values: Values | None) -> str | None:
    if values is None:
        return None
    message = template.format_map(values)
    # The API server wants one line, and falls back to the plain message otherwise.
    return _plain(template) if "\n" in message else message


def _entry(cel: str, message: str, values: Mapping[str, str], path: str) -> dict[str, str]:
    entry = {"rule": cel, "message": _plain(message)}
    if values:
        entry["messageExpression"] = _message_expression(message, values)
    if path:
        entry["fieldPath"] = path
    return entry


def _message_expression(template: str, values: Mapping[str, str]) -> str:
    """Turn a template into a CEL expression that concatenates its parts."""
    parts = _PLACEHOLDER.split(template)
    terms = [
        f"({values[part]})" if index % 2 else cel_string(_unescaped(part))
        for index, part in enumerate(parts)
        if part
    ]
    return " + ".join(terms)


def _plain(template: str) -> str:
    """Return the message that the API server falls back to: placeholders as words."""
    return _unescaped(_PLACEHOLDER.sub(r"<\1>", template))


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _unescaped(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
