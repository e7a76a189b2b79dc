"""No GPU is taken before the hub has granted access, and what runs does not suffer from asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.api import Api, condition, ready
from support.operator_process import OperatorProcess
from support.resources import TOKEN, generator, reasoner, refused_by_the_hub, simulated
from support.settling import settled
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

IMAGE = "example/operator:1"
LICENCE = "HuggingFaceLicenceNotAccepted"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def operator(
    operator_kubeconfig: Path, crds_installed: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator with an image to ask with, running for this module."""
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    options = (f"--preflight-image={IMAGE}",)
    with OperatorProcess(kubeconfig=operator_kubeconfig, log=log, options=options) as process:
        yield process
        assert process.stop() == 0, log.read_text()


def child(api: Api, namespace: str, kind: str) -> Json | None:
    """The only child of a kind, None if there is none."""
    found = [item for item in api.children(namespace) if item["kind"] == kind]
    assert len(found) < 2, [item["metadata"]["name"] for item in found]
    return found[0] if found else None


def pods(api: Api, namespace: str, component: str) -> list[Json]:
    """The pods of a component."""
    return api.pods(namespace, labelSelector=f"app.kubernetes.io/component={component}")


def accept(api: Api, namespace: str, component: str) -> None:
    """Mend what the hub refuses: the next attempt of the running pod succeeds."""
    for pod in pods(api, namespace, component):
        path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
        api.merge(path, {"metadata": {"annotations": {"bed.cosmos3.io/job-fail": None}}})


def test_the_deployment_comes_once_the_hub_has_granted_access(api: Api, namespace: str) -> None:
    body = generator("asked", namespace, huggingFace=TOKEN, pod=simulated(job_ready_after="3s"))
    api.create(body)
    checking = settled(api, body, "CheckingAccess")
    assert child(api, namespace, "Deployment") is None
    assert (condition(checking, "HubAccess")["status"], ready(checking)["status"]) == (
        "Unknown",
        "False",
    )
    serving = settled(api, body, "Serving")
    access = condition(serving, "HubAccess")
    assert (access["status"], access["reason"]) == ("True", "AccessGranted")
    job, deployment = (child(api, namespace, kind) for kind in ("Job", "Deployment"))
    assert job is not None
    assert deployment is not None
    assert job["status"]["completionTime"] <= deployment["metadata"]["creationTimestamp"]
    (asked,) = pods(api, namespace, "generator-access")
    container = asked["spec"]["containers"][0]
    assert container["image"] == IMAGE
    assert container["env"] == [
        {
            "name": "HF_TOKEN",
            "valueFrom": {"secretKeyRef": {"name": "hf-token", "key": "HF_TOKEN"}},
        }
    ]
    assert "nvidia.com/gpu" not in container["resources"]["limits"]


def test_a_licence_that_was_not_accepted_takes_no_gpu_and_goes_on_once_it_is(
    api: Api, namespace: str
) -> None:
    body = generator("refused", namespace, huggingFace=TOKEN, pod=refused_by_the_hub(LICENCE))
    api.create(body)
    refused = settled(api, body, LICENCE)
    assert (
        "a/b is closed. Until access is granted, no GPU is taken. Sign in to the hub with the "
        "account of the token" in (ready(refused)["message"])
    )
    assert condition(refused, "HubAccess")["status"] == "False"
    assert condition(refused, "Stalled")["status"] == "True"
    kinds = sorted(item["kind"] for item in api.children(namespace))
    assert kinds == ["Job", "NetworkPolicy", "Service"]
    assert pods(api, namespace, "generator") == []
    accept(api, namespace, "generator-access")
    serving = settled(api, body, "Serving")
    assert condition(serving, "HubAccess")["status"] == "True"
    api.delete(api.path(body))
    eventually(
        lambda: pods(api, namespace, "generator-access"),
        lambda left: not left,
        what="the end of the pod that asked",
    )


def test_what_runs_is_left_alone_while_another_model_is_refused(api: Api, namespace: str) -> None:
    quick = simulated(job_ready_after="100ms")
    body = reasoner("kept", namespace, huggingFace=TOKEN, pod=quick)
    api.create(body)
    settled(api, body, "Serving")
    before, old_job = child(api, namespace, "Deployment"), child(api, namespace, "Job")
    (pod,) = pods(api, namespace, "reasoner")
    assert before is not None
    assert old_job is not None

    api.merge(
        api.path(body),
        {"spec": {"model": "nvidia/Cosmos3-Super", "pod": refused_by_the_hub(LICENCE)}},
    )
    refused = settled(api, body, LICENCE)
    assert "the Deployment stays as an earlier spec made it" in ready(refused)["message"]
    assert refused["status"]["readyReplicas"] == 1
    eventually(
        lambda: [one["metadata"]["name"] for one in pods(api, namespace, "reasoner-access")],
        lambda names: len(names) == 1 and not names[0].startswith(old_job["metadata"]["name"]),
        what="the end of the older question",
    )
    same = child(api, namespace, "Deployment")
    assert same is not None
    assert same["metadata"]["generation"] == before["metadata"]["generation"]
    assert [one["metadata"]["uid"] for one in pods(api, namespace, "reasoner")] == [
        pod["metadata"]["uid"]
    ]

    back = dict.fromkeys(refused_by_the_hub(LICENCE)["annotations"])
    spec = {"model": "nvidia/Cosmos3-Nano", "pod": {"annotations": back | quick["annotations"]}}
    api.merge(api.path(body), {"spec": spec})
    settled(api, body, "Serving")
    assert [one["metadata"]["uid"] for one in pods(api, namespace, "reasoner")] == [
        pod["metadata"]["uid"]
    ], "nothing rolled in between"

    api.merge(api.path(body), {"spec": {"model": "nvidia/Cosmos3-Super"}})
    settled(api, body, "Serving")
    rolled = child(api, namespace, "Deployment")
    assert rolled is not None
    args = rolled["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[0] == "nvidia/Cosmos3-Super"


def test_a_question_that_somebody_deletes_is_asked_again_and_changes_nothing(
    api: Api, namespace: str
) -> None:
    body = reasoner("again", namespace, huggingFace=TOKEN, pod=simulated(job_ready_after="100ms"))
    api.create(body)
    serving = settled(api, body, "Serving")
    job = child(api, namespace, "Job")
    assert job is not None
    api.delete(
        f"/apis/batch/v1/namespaces/{namespace}/jobs/{job['metadata']['name']}"
        "?propagationPolicy=Background"
    )

    def answered(seen: Json | None) -> bool:
        assert seen is not None
        assert ready(seen) == ready(serving)
        new = child(api, namespace, "Job")
        return (
            new is not None
            and new["metadata"]["uid"] != job["metadata"]["uid"]
            and condition(seen, "HubAccess")["status"] == "True"
            and condition(new, "Complete").get("status") == "True"
        )

    eventually(lambda: api.get(api.path(body)), answered, what="a new answer")


def test_an_operator_that_starts_anew_asks_nothing_anew(
    api: Api, namespace: str, operator: OperatorProcess
) -> None:
    quick = simulated(job_ready_after="100ms")
    body = reasoner("restarted", namespace, huggingFace=TOKEN, pod=quick)
    api.create(body)
    serving = settled(api, body, "Serving")
    job = child(api, namespace, "Job")
    assert operator.stop() == 0
    operator.start()
    # What comes next can only be seen after the first pass of the new one over this resource.
    api.merge(api.path(body), {"spec": {"service": {"port": 9000}}})
    again = settled(api, body, "Serving")
    assert ready(again)["lastTransitionTime"] == ready(serving)["lastTransitionTime"]
    assert child(api, namespace, "Job") == job


def test_advisory_does_not_wait(api: Api, namespace: str) -> None:
    body = generator(
        "advised",
        namespace,
        preflight={"access": "Advisory"},
        pod=refused_by_the_hub("HuggingFaceTokenMissing"),
    )
    api.create(body)
    found = eventually(
        lambda: settled(api, body, "Serving"),
        lambda seen: condition(seen, "HubAccess").get("status") == "False",
        what="the hub's refusal of what serves",
    )
    assert condition(found, "HubAccess")["reason"] == "HuggingFaceTokenMissing"


def test_disabled_asks_nobody(api: Api, namespace: str) -> None:
    body = generator("trusting", namespace, huggingFace=TOKEN, preflight={"access": "Disabled"})
    api.create(body)
    found = settled(api, body, "Serving")
    assert condition(found, "HubAccess") == {}
    assert child(api, namespace, "Job") is None


def test_zero_replicas_free_the_gpus_even_while_access_is_refused(api: Api, namespace: str) -> None:
    body = reasoner("freed", namespace, huggingFace=TOKEN, pod=simulated(job_ready_after="100ms"))
    api.create(body)
    settled(api, body, "Serving")
    spec = {"model": "nvidia/Cosmos3-Super", "pod": refused_by_the_hub(LICENCE)}
    api.merge(api.path(body), {"spec": spec})
    settled(api, body, LICENCE)
    api.merge(api.path(body), {"spec": {"replicas": 0}})
    settled(api, body, "ScaledToZero")
    assert pods(api, namespace, "reasoner") == []
    api.merge(api.path(body), {"spec": {"replicas": 1}})
    settled(api, body, LICENCE)
    assert pods(api, namespace, "reasoner") == []


def test_the_pod_that_asks_is_admitted_under_pod_security_restricted(
    api: Api, namespace: str
) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})
    body = generator(
        "confined", namespace, huggingFace=TOKEN, pod=simulated(job_ready_after="100ms")
    )
    api.create(body)
    found = eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and condition(seen, "HubAccess").get("status") == "True",
        what="the hub's answer",
    )
    assert found is not None


def test_a_name_of_the_greatest_length_is_asked_for_too(api: Api, namespace: str) -> None:
    body = generator("n" * 40, namespace, huggingFace=TOKEN, pod=simulated(job_ready_after="100ms"))
    api.create(body)
    settled(api, body, "Serving")
