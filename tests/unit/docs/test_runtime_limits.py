"""Every row of docs/cannot.yaml is true: the operator's own code answers as it claims."""

from __future__ import annotations

from dataclasses import replace

import pytest

import limits

ROWS = limits.rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.ask)
def test_the_operator_answers_as_the_row_says(row: limits.Row) -> None:
    answer = limits.given(row)
    assert limits.quoted(row, answer), answer


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.ask)
def test_a_row_that_is_not_true_would_fail(row: limits.Row) -> None:
    answer = limits.given(row)
    false = [
        replace(row, says=(*row.says, "words that nobody says")),
        *(replace(row, answer=other) for other in limits.Answer if other is not row.answer),
    ]
    if row.answer is limits.Answer.PLANNED_AROUND:
        false.append(replace(row, never=row.says))
    assert [claim for claim in false if limits.quoted(claim, answer)] == []


def test_every_row_says_something_and_is_asked_once() -> None:
    assert all(row.says and all(row.says) for row in ROWS)
    assert len({row.ask for row in ROWS}) == len(ROWS)
    specs = [(row.kind, str(row.spec), row.answer, row.says) for row in ROWS]
    assert len(set(specs)) == len(ROWS)


def test_only_what_is_planned_around_has_a_pod_to_look_at() -> None:
    looked = {row.answer for row in ROWS if row.never}
    assert looked == {limits.Answer.PLANNED_AROUND}
