"""What Flux, Helm and Argo CD make of every golden status, by the tools' own code.

reasons.yaml says what each reason looks like from outside, and why; nothing here is a snapshot.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from argocd_health import resource_at
from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.catalog.reasons import page
from cosmos3_operator.diagnosis.load import rules
from cosmos3_operator.status.words import rules as words
from gitops_page import looks
from golden_status.test_golden_status import CASES, observed, status_when
from support.api import ready
from support.judge import AGREEING, Verdict, judge

Json = dict[str, Any]

LOOKS = {reason: look for look in looks() for reason in look.reasons}


def with_metadata(body: Json, **metadata: Any) -> Json:
    return body | {"metadata": body["metadata"] | metadata}


def generation_of(body: Json) -> int:
    return int(body["metadata"]["generation"])


@pytest.fixture(scope="module")
def golden() -> dict[str, Json]:
    """Every moment, as the API server would have it."""
    return {case: resource_at(case) for case in CASES}


@pytest.fixture(scope="module")
def verdicts(golden: dict[str, Json]) -> dict[str, Verdict]:
    return dict(zip(golden, judge(golden.values()), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_moment_looks_as_its_reason_says(
    golden: dict[str, Json], verdicts: dict[str, Verdict], case: str
) -> None:
    look = LOOKS[ready(golden[case])["reason"]]
    assert verdicts[case].kstatus.status in {*look.at_first, look.in_the_end}


@pytest.mark.parametrize("case", CASES)
def test_current_means_ready_and_failed_means_stalled(
    golden: dict[str, Json], verdicts: dict[str, Verdict], case: str
) -> None:
    body, status = golden[case], verdicts[case].kstatus.status
    true = {one["type"] for one in body["status"]["conditions"] if one["status"] == "True"}
    assert (status == "Current") == ("Ready" in true)
    assert (status == "Failed") == ("Stalled" in true)


@pytest.mark.parametrize("case", CASES)
def test_both_tools_agree_and_say_why(
    golden: dict[str, Json], verdicts: dict[str, Verdict], case: str
) -> None:
    found, why = verdicts[case], ready(golden[case])
    assert found.argo is not None
    assert found.argo.status == AGREEING[found.kstatus.status]
    assert found.argo.message == f"{why['reason']}: {why['message']}"
    if found.kstatus.status != "Current" and "observedGeneration" in golden[case]["status"]:
        assert found.kstatus.message == why["message"]


def test_argo_cd_says_the_same_with_all_libraries(
    golden: dict[str, Json], verdicts: dict[str, Verdict]
) -> None:
    """A script from argocd-cm has few libraries, and one that Argo CD brings itself has all."""
    assert judge(golden.values(), open_libs=True) == list(verdicts.values())


def test_a_status_about_an_older_spec_is_neither_success_nor_failure(
    golden: dict[str, Json],
) -> None:
    changed = [with_metadata(one, generation=generation_of(one) + 1) for one in golden.values()]
    for found in judge(changed):
        assert found.kstatus.status == "InProgress"
        assert found.argo is not None
        assert found.argo.status == "Progressing"
        assert found.argo.message.startswith("Waiting for the operator to look at generation")


def test_what_is_being_deleted_is_on_its_way_out(golden: dict[str, Json]) -> None:
    """The one word that they have no common one for; Argo CD asks no script then."""
    going = [
        with_metadata(one, deletionTimestamp="2026-11-23T12:00:00Z") for one in golden.values()
    ]
    for found in judge(going):
        assert found.argo is not None
        assert (found.kstatus.status, found.argo.status) == ("Terminating", "Progressing")


def test_without_a_status_only_argo_cd_would_wait(golden: dict[str, Json]) -> None:
    """Why the CRD has a default status: kstatus takes what says nothing for current."""
    silent = {name: value for name, value in golden["serving"].items() if name != "status"}
    (found,) = judge([silent])
    assert found.argo is not None
    assert (found.kstatus.status, found.argo.status) == ("Current", "Progressing")


def test_every_reason_of_ready_has_a_look() -> None:
    assert set(LOOKS) == {str(one) for one in Reason if "Ready" in page(str(one)).seen_in}
    assert sum(len(look.reasons) for look in looks()) == len(LOOKS), "a reason stands twice"


def test_no_look_claims_what_nothing_shows(
    golden: dict[str, Json], verdicts: dict[str, Verdict]
) -> None:
    shown: dict[str, set[str]] = {reason: set() for reason in LOOKS}
    for case, body in golden.items():
        shown[ready(body)["reason"]].add(verdicts[case].kstatus.status)
    for reason, status in rules_say():
        shown[reason].add(status)
    assert {
        reason: sorted(set(look.at_first) - shown[reason])
        for reason, look in LOOKS.items()
        if set(look.at_first) - shown[reason]
    } == {}


def test_every_rule_is_claimed() -> None:
    """A rule whose golden moment is missing counts as well."""
    unclaimed = {
        (reason, status) for reason, status in rules_say() if status not in LOOKS[reason].at_first
    }
    assert unclaimed == set()


def rules_say() -> Iterator[tuple[str, str]]:
    """Yield what the operator's rules make of a reason at once."""
    for rule in rules():
        if rule.reason:
            yield str(rule.reason), "Failed" if rule.lasting else "InProgress"
    for said in words().values():
        for one in said:
            yield str(one.reason), "Failed" if one.stalled else "InProgress"


def in_the_end(seen: Mapping[str, Any]) -> Json | None:
    """Return a moment when its Deployment has run out of time; None where that cannot be."""
    late = copy.deepcopy(dict(seen))
    if late["resource"]["spec"].get("replicas") == 0 or late.get("operatorFails"):
        return None
    deployments = [one for one in late.get("children", ()) if one["kind"] == "Deployment"]
    for one in deployments:
        one.setdefault("status", {})["conditions"] = [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ]
    return late if deployments else None


def test_nothing_is_on_its_way_for_ever() -> None:
    late = {case: in_the_end(observed(case)) for case in CASES}
    bodies = {
        case: {**seen["resource"], "status": status_when(seen)}
        for case, seen in late.items()
        if seen
    }
    waiting = {
        case: body for case, body in bodies.items() if ready(resource_at(case))["status"] != "True"
    }
    assert len(waiting) > len(CASES) / 2
    for body, found in zip(waiting.values(), judge(waiting.values()), strict=True):
        assert found.kstatus.status == LOOKS[ready(body)["reason"]].in_the_end, body["status"]
