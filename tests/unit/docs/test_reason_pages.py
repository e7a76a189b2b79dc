"""docs/reasons: a page for each reason, with an example that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

import reason_pages
from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.catalog.reasons import page

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reasons"


def test_the_folder_holds_the_pages_and_their_index_only() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {f"{reason}.md" for reason in Reason} | {"README.md"}


@pytest.mark.parametrize("reason", Reason)
def test_the_example_shows_the_reason(reason: Reason) -> None:
    shown = reason_pages.shown_in(reason_pages.status_of(page(reason).example), reason)
    assert {condition["type"] for condition in shown} & set(page(reason).seen_in)
    text = (FOLDER / f"{reason}.md").read_text("utf-8")
    assert f"    Reason:                {reason}\n" in text


def test_a_page_names_every_condition_that_carries_its_reason_in_any_case() -> None:
    forgotten = [
        f"{case.name}: {condition['type']} carries {reason}"
        for case in reason_pages.GOLDEN.iterdir()
        if (case / "status.yaml").exists()
        for status in [reason_pages.status_of(case.name)]
        for reason in Reason
        for condition in reason_pages.shown_in(status, reason)
        if condition["type"] not in page(reason).seen_in
    ]
    assert forgotten == []


def test_the_index_names_every_reason_once() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    assert all(text.count(f"| [{reason}]({reason}.md) |") == 1 for reason in Reason)


def test_a_first_sentence_ends_at_its_stop() -> None:
    assert (
        reason_pages.first_sentence("One: two, e.g. three.\nAnd more.") == "One: two, e.g. three."
    )
    assert reason_pages.first_sentence("Only\none.\n") == "Only one."
