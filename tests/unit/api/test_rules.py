"""Rules: one template becomes the same message in Python and in CEL."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.api.rules import (
    Checked,
    Rule,
    TransitionRule,
    cel_list,
    cel_string,
    cel_text,
    fullmatch,
    matches,
)

RULE = Rule(
    cel="self.a <= 2",
    message="{a} is more than {{2}} of '{b}'",
    values={"a": "string(self.a)", "b": "self.b"},
    check=lambda v: None if v["a"] <= 2 else v,
    path=".a",
)


def test_a_rule_is_an_entry_of_the_crd() -> None:
    assert RULE.to_crd() == {
        "rule": "self.a <= 2",
        "message": "<a> is more than {2} of '<b>'",
        "messageExpression": r"(string(self.a)) + ' is more than {2} of \'' + (self.b) + '\''",
        "fieldPath": ".a",
    }


def test_a_rule_without_values_needs_no_expression() -> None:
    rule = Rule(cel="true", message="no", check=lambda v: None)
    assert rule.to_crd() == {"rule": "true", "message": "no"}


def test_python_fills_the_same_template() -> None:
    assert RULE.violation({"a": 3, "b": "x"}) == "3 is more than {2} of 'x'"
    assert RULE.violation({"a": 2, "b": "x"}) is None


def test_a_line_break_makes_both_sides_fall_back() -> None:
    assert RULE.violation({"a": 3, "b": "x\ny"}) == "<a> is more than {2} of '<b>'"


def test_transitions_judge_old_and_new() -> None:
    rule = TransitionRule(
        cel="self >= oldSelf",
        message="from {old} to {new}",
        values={"old": "oldSelf", "new": "self"},
        check=lambda old, new: {"old": old, "new": new} if new < old else None,
    )
    assert rule.violation(2, 1) == "from 2 to 1"
    assert rule.violation(1, 2) is None
    assert rule.to_crd()["messageExpression"] == "'from ' + (oldSelf) + ' to ' + (self)"


@pytest.mark.parametrize(
    ("text", "literal"),
    [("a", "'a'"), ("it's", r"'it\'s'"), (r"\d", r"'\\d'"), ("", "''")],
)
def test_cel_strings(text: str, literal: str) -> None:
    assert cel_string(text) == literal


def test_cel_lists() -> None:
    assert cel_list(["a", "b'"]) == r"['a', 'b\'']"
    assert cel_list([]) == "[]"


def test_numbers_as_text_by_table() -> None:
    expression = cel_text("self.n", 12)
    table = expression.split("'")[1]
    assert [table[n * 2 : n * 2 + 2].strip() for n in range(13)] == [str(n) for n in range(13)]
    assert expression.endswith(".substring((self.n) * 2, (self.n) * 2 + 2).trim()")


@pytest.mark.parametrize(
    ("text", "expected"), [("ab", True), ("ab\n", False), ("abc", False), ("xab", False)]
)
def test_the_end_is_the_end(text: str, expected: bool) -> None:
    assert fullmatch("^ab$", text) is expected


def test_classes_are_ascii() -> None:
    assert not fullmatch(r"^\d$", "٣")


def test_matches_may_ask_for_a_part() -> None:
    rule = matches("^[0-9]+$", "a positive number {n}", contains="[1-9]").rule
    assert rule.cel == "self.matches('^[0-9]+$') && self.matches('[1-9]')"
    assert rule.to_crd()["message"] == "must be a positive number {n}"
    assert rule.violation("00") == "must be a positive number {n}"
    assert rule.violation("x1") is not None
    assert rule.violation("10") is None


def test_two_checks_of_one_field_both_reach_the_schema() -> None:
    def schema_of(value: dict[str, Any]) -> Any:
        return lambda _: value

    first = Checked(RULE).__get_pydantic_json_schema__({"type": "any"}, schema_of({"type": "x"}))
    both = Checked(RULE).__get_pydantic_json_schema__({"type": "any"}, schema_of(first))
    assert len(both["x-kubernetes-validations"]) == 2
