"""When the Deployment waits for the hub, and what the Job's pod says about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.probes import hub
from cosmos3_operator.status.access import access_finding, access_held, is_held
from cosmos3_operator.status.hold import hold
from cosmos3_operator.status.observe import ChildRef, Observation
from cosmos3_operator.status.reports import report_in
from unit.plan import specs

TOKEN = {"tokenSecretRef": {"name": "hf-token"}}
DEPLOYMENT = ChildRef("Deployment", "case-generator")
COMPLETE = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-23T12:00:00Z"}


def plan(image: str = "a/b:1", **spec: Any) -> Plan:
    return specs.plan(specs.GENERATOR, image=image, **({"huggingFace": TOKEN} | spec))


def seen(
    *conditions: dict[str, Any], needs: str | None = None, pods: tuple[dict[str, Any], ...] = ()
) -> Observation:
    children: dict[ChildRef, dict[str, Any]] = {
        ChildRef("Job", "job"): {
            "metadata": {"name": "job"},
            "status": {"conditions": list(conditions)},
        }
    }
    if needs is not None:
        children[DEPLOYMENT] = {"metadata": {"annotations": {"serving.cosmos3.io/access": needs}}}
    return Observation.of(children=children, pods=pods)


def asking(*statuses: dict[str, Any], job: str = "job", **metadata: Any) -> dict[str, Any]:
    labels = {
        "app.kubernetes.io/component": "generator-access",
        "batch.kubernetes.io/job-name": job,
    }
    return {
        "metadata": {"name": "job-x", "labels": labels, **metadata},
        "spec": {"nodeName": "n"},
        "status": {"containerStatuses": [{"name": "access"} | status for status in statuses]},
    }


def failed(reason: str, repository: str = specs.NANO, *, when: str = "state") -> dict[str, Any]:
    report = {"probe": "hub", "reason": reason, "repository": repository, "message": "it said so"}
    return {when: {"terminated": {"exitCode": 1, "message": json.dumps(report)}}}


def test_it_waits_for_this_very_job() -> None:
    assert hold(plan(), Observation()) == {DEPLOYMENT}
    assert hold(plan(), seen()) == {DEPLOYMENT}
    assert hold(plan(), seen(COMPLETE | {"status": "False"})) == {DEPLOYMENT}
    assert hold(plan(), seen({"type": "Failed", "status": "True"})) == {DEPLOYMENT}
    assert hold(plan(), seen(COMPLETE)) == frozenset()


@pytest.mark.parametrize(
    "made",
    [
        plan(image=""),
        plan(replicas=0),
        plan(preflight={"access": "Advisory"}),
        plan(preflight={"access": "Disabled"}),
        plan(huggingFace={}),
    ],
)
def test_it_waits_for_nobody_where_nobody_asks_and_nothing_is_taken(made: Plan) -> None:
    assert not is_held(made, seen())
    assert access_held(made, seen()) is None


def test_what_was_let_through_for_the_same_needs_never_waits_again() -> None:
    made = plan()
    assert made.access is not None
    assert not is_held(made, seen(needs=made.access.fingerprint))
    assert is_held(made, seen(needs="of another"))
    assert is_held(plan(model=specs.SUPER), seen(needs=made.access.fingerprint))


def test_what_runs_is_told_to_stay() -> None:
    new, runs = access_held(plan(), seen()), access_held(plan(), seen(needs="of another"))
    assert new is not None
    assert runs is not None
    assert new.message.endswith("Until access is granted, no GPU is taken")
    assert runs.message.endswith("the Deployment stays as an earlier spec made it")


def test_every_refusal_of_the_program_has_a_remedy() -> None:
    for reason, words in {
        hub.TOKEN_MISSING: "Put a token into key HF_TOKEN of Secret hf-token, which is empty",
        hub.TOKEN_REJECTED: "Put a valid token into key HF_TOKEN of Secret hf-token",
        hub.LICENCE_NOT_ACCEPTED: "open https://huggingface.co/nvidia/Cosmos3-Nano and accept",
        hub.REPOSITORY_NOT_FOUND: "Correct spec.model, or have the account of the token",
        hub.REVISION_NOT_FOUND: "Correct spec.revision",
        hub.UNREACHABLE: "set huggingFace.offline with a cache that holds everything",
    }.items():
        finding = access_finding(plan(), seen(pods=(asking(failed(reason)),)))
        assert finding is not None
        assert finding.reason == reason
        assert finding.message == "it said so"
        assert words in finding.remedy
        assert finding.stalled is (reason != hub.UNREACHABLE)


def test_a_token_that_nobody_named() -> None:
    made = plan(huggingFace={}, preflight={"access": "Required"})
    finding = access_finding(made, seen(pods=(asking(failed(hub.TOKEN_MISSING)),)))
    assert finding is not None
    assert "name that in spec.huggingFace.tokenSecretRef" in finding.remedy


def test_a_refused_guardrail_repository_is_no_fault_of_the_model() -> None:
    pods = (asking(failed(hub.REPOSITORY_NOT_FOUND, "nvidia/Cosmos-1.0-Guardrail")),)
    finding = access_finding(plan(), seen(pods=pods))
    assert finding is not None
    assert "spec.model" not in finding.message


def test_a_refusal_stands_while_it_is_tried_again() -> None:
    first = asking(failed(hub.LICENCE_NOT_ACCEPTED))
    again = asking(
        {"state": {"running": {}}, "restartCount": 1}
        | failed(hub.LICENCE_NOT_ACCEPTED, when="lastState")
    )
    findings = {access_finding(plan(), seen(pods=(pod,))) for pod in (first, again)}
    assert len(findings) == 1


def test_a_missing_secret_is_newer_than_a_refusal() -> None:
    status = {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": "gone"}}}
    pods = (asking(status | failed(hub.TOKEN_REJECTED, when="lastState")),)
    finding = access_finding(plan(), seen(pods=pods))
    assert finding is not None
    assert finding.reason is Reason.CONFIGURATION_MISSING


def test_a_success_is_no_refusal_before_the_job_knows() -> None:
    status = {
        "state": {"terminated": {"exitCode": 0}},
        **failed(hub.LICENCE_NOT_ACCEPTED, when="lastState"),
    }
    finding = access_finding(plan(), seen(pods=(asking(status),)))
    assert finding is not None
    assert finding.reason is Reason.CHECKING_ACCESS


@pytest.mark.parametrize(
    "pod",
    [
        asking(failed(hub.TOKEN_REJECTED), job="older"),
        asking(failed(hub.TOKEN_REJECTED), deletionTimestamp="2026-11-23T12:00:00Z"),
    ],
)
def test_pods_that_no_longer_count(pod: dict[str, Any]) -> None:
    finding = access_finding(plan(), seen(pods=(pod,)))
    assert finding is not None
    assert finding.reason is Reason.CHECKING_ACCESS


def test_a_suspended_job_is_said() -> None:
    finding = access_finding(plan(), seen({"type": "Suspended", "status": "True"}))
    assert finding is not None
    assert "the Job job is suspended" in finding.message


def test_a_sidecar_that_keeps_the_job_from_ending_is_named() -> None:
    done = {"state": {"terminated": {"exitCode": 0}}}
    sidecar = {"name": "istio-proxy", "state": {"running": {}}}
    finding = access_finding(plan(), seen(pods=(asking(done, sidecar),)))
    assert finding is not None
    assert finding.reason is Reason.CHECKING_ACCESS
    assert "istio-proxy keeps the pod of the check from ending" in finding.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"probe": "hub", "reason": "A"}', "A"),
        ('warning: x\n{"probe": "hub", "reason": "A"}\n', "A"),
        ('{"probe": "gpu", "reason": "A"}', None),
        ('["hub"]', None),
        ('{"probe": "hub", "rea', None),
        ("Traceback (most recent call last):", None),
        ("", None),
    ],
)
def test_reports_are_found_among_other_words(text: str, reason: str | None) -> None:
    assert report_in(text, probe="hub").get("reason") == reason
