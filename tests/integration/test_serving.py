"""One file in, a served model out, and a status that says so truthfully."""

from __future__ import annotations

import json

import pytest
import yaml

from support.api import Api, condition, ready
from support.kubectl import ROOT, Kubectl
from support.operator_process import OperatorProcess
from support.resources import generator, reasoner, simulated
from support.settling import settled
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_the_generator_example_becomes_an_8_gpu_deployment_that_is_ready(
    api: Api, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("apply", "-n", namespace, "-f", str(ROOT / "examples/cosmosgenerator.yaml"))
    kubectl(*("wait", "-n", namespace, "--for=condition=Ready", "cgen/super", "--timeout=240s"))
    (pod,) = api.pods(namespace)
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "8"}
    assert pod["spec"]["nodeName"].startswith("gpu-h100")
    super_ = json.loads(kubectl("get", "-n", namespace, "cgen", "super", "-o", "json"))
    assert super_["status"]["plan"]["split"] == "tensor 4 × cfg 2 × ulysses 1 = 8 GPUs"
    assert super_["status"]["endpoint"] == f"http://super-generator.{namespace}.svc:8000"
    assert condition(super_, "GPUsAvailable")["status"] == "True"
    assert condition(super_, "GuardrailsInForce")["status"] == "True"
    assert condition(super_, "Reconciling") == condition(super_, "Stalled") == {}


def test_the_reasoner_example_becomes_ready(kubectl: Kubectl, namespace: str) -> None:
    kubectl("apply", "-n", namespace, "-f", str(ROOT / "examples/cosmosreasoner.yaml"))
    kubectl(*("wait", "-n", namespace, "--for=condition=Ready", "creason/nano", "--timeout=240s"))
    table = kubectl("get", "-n", namespace, "cosmos")
    assert "nvidia/Cosmos3-Nano" in table
    assert "Serving" in table


def test_all_examples_are_accepted_by_the_api_server(kubectl: Kubectl, namespace: str) -> None:
    files = sorted((ROOT / "examples").glob("*.yaml"))
    assert len(files) >= 8
    for file in files:
        for document in yaml.safe_load_all(file.read_text()):
            kind = document["kind"]
            printed = kubectl(
                *("create", "-n", namespace, "--dry-run=server", "--validate=strict"),
                *("-f", "-"),
                stdin=yaml.safe_dump(document),
            )
            assert "created (server dry run)" in printed, (file, kind, printed)


def test_ready_is_false_while_the_server_loads_and_true_only_afterwards(
    api: Api, namespace: str
) -> None:
    body = reasoner("slow", namespace, pod=simulated(fail="never-ready"))
    api.create(body)
    starting = settled(api, body, "Starting")
    assert ready(starting)["status"] == "False"
    assert condition(starting, "Reconciling")["status"] == "True"
    assert "start-up budget" in ready(starting)["message"]
    (pod,) = api.pods(namespace)
    path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
    api.merge(path, {"metadata": {"annotations": {"bed.cosmos3.io/fail": None}}})
    serving = settled(api, body, "Serving")
    assert ready(serving)["lastTransitionTime"] >= ready(starting)["lastTransitionTime"]


def test_a_replica_that_no_node_can_hold_says_how_many_gpus_are_short(
    api: Api, namespace: str
) -> None:
    body = generator(
        "huge", namespace, model="nvidia/Cosmos3-Super", parallelism={"tensor": 8, "cfg": 2}
    )
    api.create(body)
    found = settled(api, body, "NoNodeFits")
    assert "needs 16 GPUs on one node" in ready(found)["message"]
    assert "8 GPUs short" in ready(found)["message"]
    assert condition(found, "GPUsAvailable")["status"] == "False"


def test_a_replica_waits_for_gpus_that_others_hold_and_gets_them_when_freed(
    api: Api, namespace: str
) -> None:
    gpu = {"products": ["NVIDIA-L40S"]}
    holder = generator("holder", namespace, parallelism={"tensor": 4}, gpu=gpu)
    waiting = generator("waiting", namespace, parallelism={"tensor": 2}, gpu=gpu)
    api.create(holder)
    settled(api, holder, "Serving")
    api.create(waiting)
    found = settled(api, waiting, "InsufficientGPUs")
    assert "needs 2 nvidia.com/gpu" in ready(found)["message"]
    api.delete(api.path(holder))
    settled(api, waiting, "Serving")


def test_scale_goes_through_the_scale_subresource_and_zero_frees_the_gpus(
    api: Api, kubectl: Kubectl, namespace: str
) -> None:
    body = reasoner("scaled", namespace)
    api.create(body)
    settled(api, body, "Serving")
    kubectl("scale", "-n", namespace, "creason/scaled", "--replicas=2")
    two = eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and seen["status"].get("readyReplicas") == 2,
        what="two replicas",
    )
    assert two is not None
    scale = api.get(api.path(body) + "/scale")
    assert scale is not None
    assert scale["status"]["replicas"] == 2
    assert "app.kubernetes.io/instance=scaled" in scale["status"]["selector"]
    kubectl("scale", "-n", namespace, "creason/scaled", "--replicas=0")
    settled(api, body, "ScaledToZero")
    assert api.pods(namespace) == []


@pytest.mark.parametrize(
    ("words", "reason", "says"),
    [
        (
            {"fail": "exit", "exit_code": "1", "termination_message": "no weights here"},
            "ContainerFailed",
            "exit code 1. Evidence: no weights here",
        ),
        (
            {"fail": "exit", "exit_code": "137", "reason": "OOMKilled"},
            "OutOfMemory",
            "spec.pod.resources.requests.memory",
        ),
        ({"fail": "image-pull"}, "ImagePullFailed", "spec.runtime.image"),
    ],
)
def test_a_pod_that_fails_is_explained(
    api: Api, namespace: str, words: dict[str, str], reason: str, says: str
) -> None:
    body = generator("failing", namespace, pod=simulated(**words))
    api.create(body)
    found = settled(api, body, reason)
    assert says in ready(found)["message"]
    assert ready(found)["status"] == "False"


def test_what_only_the_planner_can_tell_is_refused_in_status_and_served_once_mended(
    api: Api, namespace: str
) -> None:
    body = generator("unknown", namespace, runtime={"version": "9.9.9"})
    api.create(body)
    refused = settled(api, body, "InvalidSpec")
    assert "spec.runtime.version: '9.9.9' is not a catalogued runtime" in ready(refused)["message"]
    assert condition(refused, "Stalled")["status"] == "True"
    assert condition(refused, "Accepted")["status"] == "False"
    assert api.children(namespace) == []
    api.merge(api.path(body), {"spec": {"runtime": {"version": "0.28.0"}}})
    settled(api, body, "Serving")


def test_guardrails_change_the_mechanism_that_the_runtime_obeys(
    api: Api, namespace: str, operator: OperatorProcess
) -> None:
    body = generator("guarded", namespace, runtime={"version": "0.30.0"})
    api.create(body)
    enabled = settled(api, body, "Serving")
    assert condition(enabled, "GuardrailsInForce")["status"] == "True"
    (before,) = [c for c in api.children(namespace) if c["kind"] == "ConfigMap"]
    assert "guardrails: true" in before["data"]["deploy-config.yaml"]
    api.merge(api.path(body), {"spec": {"guardrails": {"mode": "Disabled"}}})
    eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and condition(seen, "GuardrailsInForce").get("reason") == "Disabled",
        what="guardrails reported as disabled",
    )
    maps = eventually(
        lambda: [c for c in api.children(namespace) if c["kind"] == "ConfigMap"],
        lambda seen: len(seen) == 1 and seen[0]["metadata"]["name"] != before["metadata"]["name"],
        what="the old deploy config's end",
    )
    assert "guardrails: false" in maps[0]["data"]["deploy-config.yaml"]
    (pod,) = [p for p in api.pods(namespace) if "deletionTimestamp" not in p["metadata"]]
    assert "--no-guardrails" not in pod["spec"]["containers"][0]["args"]


def test_an_operator_without_an_image_to_ask_with_says_that_nobody_asked(
    api: Api, namespace: str
) -> None:
    body = generator("blind", namespace, huggingFace={"tokenSecretRef": {"name": "hf-token"}})
    api.create(body)
    found = settled(api, body, "Serving")
    access = condition(found, "HubAccess")
    assert (access["status"], access["reason"]) == ("Unknown", "NotChecked")
    assert "--preflight-image" in access["message"]
    assert not [child for child in api.children(namespace) if child["kind"] == "Job"]


def test_deletion_leaves_nothing_but_a_retained_cache(api: Api, namespace: str) -> None:
    cache = {"type": "Claim", "size": "10Gi"}
    gone = generator("gone", namespace, cache=cache)
    kept = reasoner("kept", namespace, cache=cache | {"retention": "Retain"})
    for body in (gone, kept):
        api.create(body)
        settled(api, body, "Serving")
    for body in (gone, kept):
        api.delete(api.path(body))
    left = eventually(
        lambda: api.children(namespace), lambda seen: len(seen) <= 1, what="the children's end"
    )
    assert [item["metadata"]["name"] for item in left] == ["kept-reasoner-cache"]
    assert (
        api.pods(namespace) == []
        or eventually(lambda: api.pods(namespace), lambda pods: not pods, what="the pods' end")
        == []
    )


def test_a_claim_keeps_the_size_that_was_decided_for_it(api: Api, namespace: str) -> None:
    body = generator("sized", namespace, cache={"type": "Claim"})
    api.create(body)
    settled(api, body, "Serving")
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/sized-generator-cache"
    before = api.get(path)
    assert before is not None
    api.merge(api.path(body), {"spec": {"guardrails": {"mode": "Disabled"}}})
    found = eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and condition(seen, "GuardrailsInForce").get("reason") == "Disabled",
        what="a roll that a smaller size would have stopped",
    )
    assert found is not None
    assert condition(found, "Accepted")["status"] == "True"
    after = api.get(path)
    assert after is not None
    assert after["spec"]["resources"] == before["spec"]["resources"]
