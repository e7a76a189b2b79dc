"""The simulated nodes and the fates of pods on them, seen through kubectl only."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from bed.api import Cluster

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
T = TypeVar("T")
CEILING_S = 120.0
PREFIX = "bed.cosmos3.io"


def wait_for(what: str, look: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + CEILING_S
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {CEILING_S:.0f} s: {what}")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"bed-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    wait_for(
        "the namespace's service account",
        lambda: cluster.kubectl("get", "sa", "default", "-n", name, "--ignore-not-found") or None,
    )
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def pods(cluster: Cluster, namespace: str) -> list[Json]:
    items: list[Json] = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-o", "json"))[
        "items"
    ]
    return items


def condition(pod: Json, kind: str) -> Json:
    return next((c for c in pod["status"].get("conditions", []) if c["type"] == kind), {})


def is_true(pod: Json, kind: str) -> bool:
    return condition(pod, kind).get("status") == "True"


def apply(cluster: Cluster, namespace: str, *objects: Json) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)


def run_pod(cluster: Cluster, namespace: str, spec: Json | None = None, **knobs: str) -> None:
    annotations = {f"{PREFIX}/{name.replace('_', '-')}": value for name, value in knobs.items()}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "server", "annotations": annotations},
        "spec": {"containers": [{"name": "server", "image": "example/server:1"}], **(spec or {})},
    }
    apply(cluster, namespace, pod)


def the_pod(cluster: Cluster, namespace: str, holds: Callable[[Json], bool], what: str) -> Json:
    def look() -> Json | None:
        return next((pod for pod in pods(cluster, namespace) if holds(pod)), None)

    return wait_for(what, look)


def first(pod: Json) -> Json:
    statuses = pod["status"].get("containerStatuses") or [{}]
    status: Json = statuses[0]
    return status


def waiting_reason(pod: Json) -> str:
    reason: str = first(pod).get("state", {}).get("waiting", {}).get("reason", "")
    return reason


def deployment(name: str, gpus: int, replicas: int) -> Json:
    labels = {"app": name}
    limits = {"nvidia.com/gpu": str(gpus)}
    container = {"name": "server", "image": "example/server:1", "resources": {"limits": limits}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {f"{PREFIX}/ready-after": "100ms"}},
                "spec": {"containers": [container]},
            },
        },
    }


def test_nodes_look_like_gpu_nodes(cluster: Cluster) -> None:
    items = json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]
    nodes = {node["metadata"]["name"]: node for node in items}
    assert set(nodes) == {"gpu-h100-0", "gpu-h100-1", "gpu-l40s-0"}
    assert all(is_true(node, "Ready") for node in items)
    h100, l40s = nodes["gpu-h100-0"], nodes["gpu-l40s-0"]
    assert h100["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert l40s["status"]["allocatable"]["nvidia.com/gpu"] == "4"
    assert set(h100["status"]["allocatable"]) >= {"cpu", "memory", "ephemeral-storage", "pods"}
    labels = h100["metadata"]["labels"]
    expected = {
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "nvidia.com/gpu.memory": "81559",
        "nvidia.com/gpu.count": "8",
        "nvidia.com/gpu.family": "hopper",
        "nvidia.com/gpu.compute.major": "9",
        "nvidia.com/cuda.driver.major": "580",
        "nvidia.com/cuda.driver-version.full": "580.95.05",
        "nvidia.com/cuda.runtime.major": "13",
        "nvidia.com/cuda.runtime-version.full": "13.0",
    }
    assert expected.items() <= labels.items()
    assert l40s["metadata"]["labels"]["nvidia.com/gpu.product"] == "NVIDIA-L40S"


def test_gpus_are_counted(cluster: Cluster, namespace: str) -> None:
    apply(cluster, namespace, deployment("big", gpus=8, replicas=3))

    def settled() -> tuple[list[Json], Json] | None:
        found = pods(cluster, namespace)
        ready = [pod for pod in found if is_true(pod, "Ready")]
        short = [pod for pod in found if "message" in condition(pod, "PodScheduled")]
        return (ready, short[0]) if len(ready) == 2 and len(short) == 1 else None

    ready, short = wait_for("two pods Ready and one without a node", settled)
    assert {pod["spec"]["nodeName"] for pod in ready} == {"gpu-h100-0", "gpu-h100-1"}
    assert "Insufficient nvidia.com/gpu" in condition(short, "PodScheduled")["message"]
    assert short["status"]["phase"] == "Pending"


def test_a_pod_loads_before_it_is_ready(cluster: Cluster, namespace: str) -> None:
    run_pod(cluster, namespace, ready_after="1h")
    running = the_pod(
        cluster, namespace, lambda p: p["status"]["phase"] == "Running", "the pod Running"
    )
    assert not is_true(running, "Ready")
    assert first(running)["started"] is True
    assert first(running)["ready"] is False
    assert running["status"]["podIP"]
    assert is_true(running, "PodScheduled")
    assert is_true(running, "Initialized")
    cluster.kubectl(
        "annotate", "pod/server", "-n", namespace, "--overwrite", f"{PREFIX}/ready-after=10ms"
    )
    ready = the_pod(cluster, namespace, lambda p: is_true(p, "Ready"), "the pod Ready")
    assert is_true(ready, "ContainersReady")
    assert condition(ready, "Ready")["lastTransitionTime"]
    assert first(ready)["ready"] is True
    assert "running" in first(ready)["state"]


def test_ready_after_is_waited_for(cluster: Cluster, namespace: str) -> None:
    run_pod(cluster, namespace, ready_after="3s")
    ready = the_pod(cluster, namespace, lambda p: is_true(p, "Ready"), "the pod Ready")
    began = time.strptime(first(ready)["state"]["running"]["startedAt"], "%Y-%m-%dT%H:%M:%SZ")
    became = time.strptime(condition(ready, "Ready")["lastTransitionTime"], "%Y-%m-%dT%H:%M:%SZ")
    # Both are whole seconds, so a second may be lost to rounding.
    assert time.mktime(became) - time.mktime(began) >= 2


def test_init_containers_complete_first(cluster: Cluster, namespace: str) -> None:
    inits = [
        {"name": "download", "image": "example/download:1"},
        {"name": "proxy", "image": "example/proxy:1", "restartPolicy": "Always"},
    ]
    run_pod(cluster, namespace, {"initContainers": inits}, ready_after="10ms")
    ready = the_pod(cluster, namespace, lambda p: is_true(p, "Ready"), "the pod Ready")
    download, proxy = ready["status"]["initContainerStatuses"]
    assert download["state"]["terminated"]["reason"] == "Completed"
    assert "running" in proxy["state"]


def init_status(pod: Json, name: str) -> Json:
    statuses = pod["status"].get("initContainerStatuses", [])
    return next((status for status in statuses if status["name"] == name), {})


@pytest.mark.parametrize("failing", ["download", "check"])
def test_an_init_container_fails_until_it_may_succeed(
    cluster: Cluster, namespace: str, failing: str
) -> None:
    names = ("download", "check", "unpack")
    inits = [{"name": name, "image": f"example/{name}:1"} for name in names]
    knobs = {} if failing == "download" else {"init_container": failing}
    message = '{"reason": "NoSpace"}'
    run_pod(
        cluster,
        namespace,
        {"initContainers": inits},
        fail="init-exit",
        exit_code="3",
        termination_message=message,
        back_off="300ms",
        ready_after="10ms",
        **knobs,
    )
    looping = the_pod(
        cluster,
        namespace,
        lambda p: (
            "CrashLoopBackOff" in json.dumps(init_status(p, failing).get("state"))
            and init_status(p, failing)["restartCount"] >= 2
        ),
        "CrashLoopBackOff of the init container after two restarts",
    )
    ended = init_status(looping, failing)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (3, message)
    done = [name for name in names if "terminated" in init_status(looping, name)["state"]]
    assert done == list(names[: names.index(failing)])
    assert not is_true(looping, "Initialized")
    assert looping["status"]["phase"] == "Pending"
    assert waiting_reason(looping) == "PodInitializing"
    cluster.kubectl("annotate", "pod/server", "-n", namespace, f"{PREFIX}/fail-")
    ready = the_pod(cluster, namespace, lambda p: is_true(p, "Ready"), "Ready once it may be")
    assert init_status(ready, failing)["state"]["terminated"]["exitCode"] == 0
    assert init_status(ready, failing)["restartCount"] >= 2


def test_a_pod_that_never_becomes_ready(cluster: Cluster, namespace: str) -> None:
    run_pod(cluster, namespace, fail="never-ready", ready_after="10ms")
    running = the_pod(
        cluster, namespace, lambda p: p["status"]["phase"] == "Running", "the pod Running"
    )
    assert not is_true(running, "Ready")
    cluster.kubectl("annotate", "pod/server", "-n", namespace, f"{PREFIX}/fail-")
    the_pod(cluster, namespace, lambda p: is_true(p, "Ready"), "Ready once it may be")


def test_an_image_that_cannot_be_pulled(cluster: Cluster, namespace: str) -> None:
    run_pod(cluster, namespace, fail="image-pull")
    stuck = the_pod(
        cluster, namespace, lambda p: waiting_reason(p) == "ImagePullBackOff", "ImagePullBackOff"
    )
    assert stuck["status"]["phase"] == "Pending"
    assert "example/server:1" in first(stuck)["state"]["waiting"]["message"]


def test_a_container_that_exits(cluster: Cluster, namespace: str) -> None:
    message = 'RuntimeError: "no kernel image"\nis available: 100%'
    run_pod(
        cluster,
        namespace,
        fail="exit",
        ready_after="10ms",
        back_off="500ms",
        exit_code="3",
        termination_message=message,
    )
    looping = the_pod(
        cluster,
        namespace,
        lambda p: waiting_reason(p) == "CrashLoopBackOff" and first(p)["restartCount"] >= 2,
        "CrashLoopBackOff after two restarts",
    )
    last = first(looping)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], last["message"]) == (3, "Error", message)
    assert not is_true(looping, "Ready")
    assert looping["status"]["phase"] == "Running"


def test_a_ready_container_runs_out_of_memory(cluster: Cluster, namespace: str) -> None:
    run_pod(cluster, namespace, ready_after="10ms", back_off="1h")
    the_pod(cluster, namespace, lambda p: is_true(p, "Ready"), "the pod Ready")
    knobs = [f"{PREFIX}/fail=exit", f"{PREFIX}/reason=OOMKilled"]
    cluster.kubectl("annotate", "pod/server", "-n", namespace, *knobs)
    looping = the_pod(
        cluster, namespace, lambda p: waiting_reason(p) == "CrashLoopBackOff", "CrashLoopBackOff"
    )
    last = first(looping)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "OOMKilled")


@pytest.mark.parametrize(("fail", "phase"), [("", "Succeeded"), ("exit", "Failed")])
def test_a_pod_that_is_meant_to_end(
    cluster: Cluster, namespace: str, fail: str, phase: str
) -> None:
    knobs = {"fail": fail} if fail else {}
    run_pod(cluster, namespace, {"restartPolicy": "Never"}, ready_after="10ms", **knobs)
    the_pod(cluster, namespace, lambda p: p["status"]["phase"] == phase, f"the pod {phase}")


def run_job(cluster: Cluster, namespace: str, **knobs: str) -> None:
    annotations = {f"{PREFIX}/{name.replace('_', '-')}": value for name, value in knobs.items()}
    spec = {"restartPolicy": "OnFailure", "containers": [{"name": "a", "image": "example/a:1"}]}
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "asks"},
        "spec": {"backoffLimit": 1000, "template": template},
    }
    apply(cluster, namespace, job)


def test_a_job_completes_whatever_befalls_servers(cluster: Cluster, namespace: str) -> None:
    run_job(cluster, namespace, fail="exit", job_ready_after="10ms")
    cluster.kubectl(
        "wait", "-n", namespace, "--for=condition=Complete", "job/asks", "--timeout=120s"
    )


def test_a_job_that_fails_tries_again_until_its_cause_is_gone(
    cluster: Cluster, namespace: str
) -> None:
    words = {"job_fail": "exit", "job_termination_message": "not yet", "job_exit_code": "3"}
    quick = {"job_ready_after": "10ms", "job_back_off": "100ms"}
    run_job(cluster, namespace, **words, **quick)

    def has_failed_twice(pod: Json) -> bool:
        (status,) = pod["status"].get("containerStatuses") or [{}]
        last = status.get("lastState", {}).get("terminated", {})
        return (last.get("message"), last.get("exitCode")) == ("not yet", 3) and (
            status["restartCount"] >= 2
        )

    pod = the_pod(cluster, namespace, has_failed_twice, "two failed attempts of one pod")
    assert pod["status"]["phase"] == "Running"
    name = pod["metadata"]["name"]
    cluster.kubectl("annotate", "-n", namespace, "pod", name, f"{PREFIX}/job-fail-")
    cluster.kubectl(
        "wait", "-n", namespace, "--for=condition=Complete", "job/asks", "--timeout=120s"
    )
    assert [one["metadata"]["name"] for one in pods(cluster, namespace)] == [name]


def test_claims_are_bound_and_volumes_reclaimed(cluster: Cluster, namespace: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "200Gi"}},
        },
    }
    apply(cluster, namespace, claim)

    def bound() -> str | None:
        text = cluster.kubectl("get", "pvc/models", "-n", namespace, "-o", "json")
        found = json.loads(text)
        return found["spec"]["volumeName"] if found["status"]["phase"] == "Bound" else None

    volume = wait_for("the claim Bound", bound)
    cluster.kubectl("delete", "pvc/models", "-n", namespace, "--wait=false")
    wait_for(
        "the volume gone",
        lambda: (
            True if not cluster.kubectl("get", "pv", volume, "--ignore-not-found").strip() else None
        ),
    )


def test_deleted_pods_go_and_free_their_gpus(cluster: Cluster, namespace: str) -> None:
    apply(cluster, namespace, deployment("small", gpus=4, replicas=1))
    the_pod(cluster, namespace, lambda p: is_true(p, "Ready"), "the pod Ready")
    cluster.kubectl("delete", "deployment/small", "-n", namespace)
    wait_for("no pod left", lambda: None if pods(cluster, namespace) else True)
