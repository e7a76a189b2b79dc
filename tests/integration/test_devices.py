"""A pod that got the wrong GPUs says so before its server starts, and serves once it is mended."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cosmos3_operator.probes import gpu
from support.api import Api, condition, ready
from support.kubectl import ROOT, Kubectl
from support.resources import reasoner, simulated
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

H100 = {"name": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "compute_capability": "9.0"}
LINE = gpu.line_of(
    gpu.Report(devices=[H100], driver_cuda="13.0", torch_cuda="13.0", shm_gib=2.0),
    reason="TooFewDevices",
    message="1 of 2 GPUs can be seen: NVIDIA H100 80GB HBM3",
)


def pod_of(api: Api, namespace: str) -> dict[str, Any]:
    (pod,) = api.pods(namespace)
    return pod


def test_too_few_gpus_are_told_and_forgotten_once_there_are_enough(
    api: Api, namespace: str
) -> None:
    words = {"fail": "init-exit", "init_container": "devices", "back_off": "300ms"}
    pod = simulated(**words, termination_message=LINE)
    body = reasoner("shared", namespace, parallelism={"tensor": 2}, pod=pod)
    api.create(body)
    stalled = eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and condition(seen, "Stalled").get("reason") == "TooFewDevices",
        what="Stalled after the probe failed three times",
    )
    assert stalled is not None
    live = pod_of(api, namespace)
    node = live["spec"]["nodeName"]
    message = ready(stalled)["message"]
    assert f"On node {node}, the pod sees fewer GPUs than it was given: 1 of 2 GPUs" in message
    assert condition(stalled, "GPUsAvailable")["status"] == "False"
    assert live["spec"]["initContainers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "2"}
    path = f"/api/v1/namespaces/{namespace}/pods/{live['metadata']['name']}"
    api.merge(path, {"metadata": {"annotations": {"bed.cosmos3.io/fail": None}}})
    served = eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and ready(seen).get("reason") == "Serving",
        what="Serving on the same pod",
    )
    assert served is not None
    assert condition(served, "GPUsAvailable")["status"] == "True"
    assert condition(served, "Stalled") == {}
    assert pod_of(api, namespace)["metadata"]["uid"] == live["metadata"]["uid"]


def test_what_the_node_grants_is_the_larger_of_both_containers(api: Api, namespace: str) -> None:
    """The scheduler must not count the GPUs of the init container on top: this fills the node."""
    gpus = {"products": ["NVIDIA-L40S"]}
    body = reasoner("whole", namespace, parallelism={"tensor": 4}, gpu=gpus)
    api.create(body)
    eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and ready(seen).get("reason") == "Serving",
        what="Serving on a node with exactly as many GPUs",
    )


def test_the_preflight_job_is_accepted_even_where_pods_are_restricted(
    kubectl: Kubectl, namespace: str
) -> None:
    job = yaml.safe_load((ROOT / "examples/preflight/job.yaml").read_text("utf-8"))
    pod = {"apiVersion": "v1", "kind": "Pod", **job["spec"]["template"]}
    pod["metadata"]["name"] = "preflight"
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    for document in (job, pod):
        printed = kubectl(
            *("create", "-n", namespace, "--dry-run=server", "--validate=strict", "-f", "-"),
            stdin=yaml.safe_dump(document),
        )
        assert "created (server dry run)" in printed
