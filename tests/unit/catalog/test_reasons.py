"""Every reason has one page, and a page that is not as it must be is refused."""

from __future__ import annotations

import re

import pytest

from cosmos3_operator.api.conditions import ConditionType, Reason
from cosmos3_operator.catalog.load import CatalogError
from cosmos3_operator.catalog.reasons import EventType, page, parse, reasons

GOOD = """
group: The server
event: Warning
seen_in: [Ready]
example: server-fails
meaning: It failed.
evidence: Its exit code.
remedy: Look.
"""


def test_the_pages_are_those_of_the_reasons() -> None:
    assert set(reasons()) == set(map(str, Reason))


@pytest.mark.parametrize("reason", Reason)
def test_a_page_is_whole_and_names_conditions_that_exist(reason: Reason) -> None:
    found = page(reason)
    assert found.seen_in
    assert set(found.seen_in) <= set(map(str, ConditionType)) - {"Reconciling", "Stalled"}
    for text in (found.meaning, found.evidence, found.remedy):
        assert re.fullmatch(r"[A-Z`].*\.\n", text, re.S), text


def test_good_news_is_no_warning() -> None:
    good = {Reason.SERVING, Reason.SCALED_TO_ZERO, Reason.STARTING, Reason.ACCESS_GRANTED}
    assert {page(reason).event for reason in good} == {EventType.NORMAL}


def test_a_page_is_read_once() -> None:
    assert page("Serving") is page("Serving")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("remedy: Look.\n|", "missing key remedy"),
        ("remedy|colour: green\nremedy", "unknown key colour"),
        ("event: Warning|event: Alarm", "'Alarm' is none of Normal, Warning"),
        ("The server|Elsewhere", "'Elsewhere' is none of Nothing is wrong"),
        ("[Ready]|Ready", "expected list, found str"),
    ],
)
def test_a_page_that_is_wrong_is_refused(change: str, complaint: str) -> None:
    old, new = change.split("|")
    parse(GOOD, where="x.yaml")
    with pytest.raises(CatalogError, match=rf"x\.yaml.*{re.escape(complaint)}"):
        parse(GOOD.replace(old, new), where="x.yaml")


def test_a_reason_without_a_page_is_refused() -> None:
    with pytest.raises(CatalogError, match=r"reason_pages/Nonsense\.yaml: there is no such file"):
        page("Nonsense")
