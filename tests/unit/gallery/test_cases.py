"""The gallery's files hold together, and its recordings are free of what changes by itself."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from bed import logs
from cosmos3_operator.api.conditions import Reason
from gallery import recording
from gallery.cases import FOLDER, Case, load

CASES = tuple(load())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_names_what_there_is(case: Case) -> None:
    assert Reason(case.expect.reason) in Reason
    pages = files("cosmos3_operator.catalog") / "reason_pages"
    assert (pages / f"{case.expect.reason}.yaml").is_file()
    for words in (case.bed, case.then.pods if case.then else {}):
        if "log" in words:
            assert (logs.FOLDER / f"{words['log']}.log").is_file()
    assert case.mend is not None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recording_says_what_its_case_expects(case: Case) -> None:
    text = (FOLDER / "recorded" / f"{case.name}.txt").read_text("utf-8")
    for words in (case.expect.reason, *case.expect.says):
        assert words in text
    assert not re.search(r"\d{4}-\d\d-\d\dT", text)
    assert not re.search(r"\b198\.1[89]\.", text)


def test_there_are_cases_enough_and_titles_are_told_apart() -> None:
    assert len(CASES) >= 15
    titles = [case.title for case in (*CASES, *load("pending"))]
    assert len(titles) == len(set(titles))


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ValueError, match=r"x\.yaml: unknown \['colour'\]"):
        Case.read({"colour": "red"}, "x.yaml")


def test_ages_are_replaced_in_a_listing() -> None:
    listing = "NAME    PHASE     READY    SINCE   AGE\nvideo             False    4m12s   2d3h\n"
    assert recording.listing(listing) == (
        "NAME    READY   SINCE   AGE\nvideo   False   <age>   <age>\n"
    )


DESCRIBED = """\
Name:         video
Spec:
  Model:  nvidia/Cosmos3-Nano
Status:
  Conditions:
    Last Transition Time:  2026-01-02T03:04:05Z
    Message:               See `kubectl logs video-generator-7d797f4f5c-fzzpw` at 198.18.0.7
    Reason:                Evicted
    Status:                False
    Type:                  Ready
  Findings:
    Evidence:  Usage exceeds the limit
    Message:   The previous pod
    Reason:    Evicted
    Message:   The server downloads
    Reason:    Starting
  Plan:
    Gpus Per Replica:  1
    Warnings:
      one
  Selector:  a=b
Events:
  Type     Reason    Age                From              Message
  ----     ------    ---                ----              -------
  Normal   Starting  12s                cosmos3-operator  The server downloads
  Warning  ContainerFailed  6s                cosmos3-operator  It ended
  Warning  Evicted   5s (x3 over 1m2s)  cosmos3-operator  The previous pod
"""


def test_a_description_keeps_what_tells() -> None:
    assert recording.description(DESCRIBED) == (
        "Status:\n"
        "  Conditions:\n"
        "    Message:               See `kubectl logs video-generator-<pod>` at <address>\n"
        "    Reason:                Evicted\n"
        "    Status:                False\n"
        "    Type:                  Ready\n"
        "  Findings:\n"
        "    Evidence:  Usage exceeds the limit\n"
        "    Message:   The previous pod\n"
        "    Reason:    Evicted\n"
        "Events:\n"
        "  Warning  Evicted  <age>  cosmos3-operator  The previous pod\n"
    )
