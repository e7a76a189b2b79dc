"""How nodes and containers fail in the bed: it must look as it does where they are real."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from bed import api as bed
from support.waiting import eventually

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
PREFIX = "bed.cosmos3.io"
NODE_LOSS_S = 8


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane that gives a silent node up soon."""
    folder = tmp_path_factory.mktemp("fates") / "cluster"
    try:
        yield bed.up(folder, node_loss_s=NODE_LOSS_S)
    finally:
        bed.down(folder)


@pytest.fixture
def namespace(cluster: bed.Cluster) -> str:
    """A namespace with its service account; the cluster does not outlive the module."""
    name = f"fate-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    eventually(
        lambda: cluster.kubectl("get", "sa", "default", "-n", name, "--ignore-not-found"),
        bool,
        what="the namespace's service account",
    )
    return name


def listed(cluster: bed.Cluster, namespace: str, what: str = "pods") -> list[Json]:
    text = cluster.kubectl("get", what, "-n", namespace, "-o", "json")
    items: list[Json] = json.loads(text)["items"]
    return items


def apply(cluster: bed.Cluster, namespace: str, *objects: Json) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)


def annotations(words: dict[str, str]) -> dict[str, str]:
    return {f"{PREFIX}/{name.replace('_', '-')}": value for name, value in words.items()}


def is_true(thing: Json, kind: str) -> bool:
    conditions = thing.get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def deployment(**words: str) -> Json:
    container = {"name": "server", "image": "example/server:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "server"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "server"}},
            "template": {
                "metadata": {
                    "labels": {"app": "server"},
                    "annotations": annotations({"ready_after": "10ms"} | words),
                },
                "spec": {"containers": [container]},
            },
        },
    }


def test_a_silent_node_loses_its_pods_and_comes_back(cluster: bed.Cluster, namespace: str) -> None:
    apply(cluster, namespace, deployment())
    (pod,) = eventually(
        lambda: [one for one in listed(cluster, namespace) if is_true(one, "Ready")],
        bool,
        what="a pod that is Ready",
    )
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    cluster.silence(node)

    def seen() -> tuple[bool, bool, list[Json]]:
        pods = listed(cluster, namespace)
        lost = next(one for one in pods if one["metadata"]["name"] == name)
        others = [one for one in pods if one["metadata"]["name"] != name and is_true(one, "Ready")]
        return "deletionTimestamp" in lost["metadata"], is_true(lost, "Ready"), others

    going, ready, others = eventually(
        seen, lambda look: look[0] and not look[1] and look[2], what="the pod's replacement"
    )
    assert (going, ready) == (True, False)
    assert [one["spec"]["nodeName"] != node for one in others] == [True]
    nodes = {one["metadata"]["name"]: one for one in listed(cluster, namespace, "nodes")}
    assert not is_true(nodes[node], "Ready")

    cluster.revive(node)
    eventually(
        lambda: [one["metadata"]["name"] for one in listed(cluster, namespace)],
        lambda names: name not in names,
        what="the end of the pod that was cut off",
    )
    eventually(
        lambda: json.loads(cluster.kubectl("get", "node", node, "-o", "json")),
        lambda found: is_true(found, "Ready") and not found["spec"].get("taints"),
        what="the node's return",
    )


def pod(name: str, **words: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "annotations": annotations({"ready_after": "100ms", "back_off": "1s"} | words),
        },
        "spec": {"containers": [{"name": "server", "image": "example/server:1"}]},
    }


def test_kubelets_tell_of_each_fate(cluster: bed.Cluster, namespace: str) -> None:
    apply(
        cluster,
        namespace,
        pod("pull", fail="image-pull", pull_cause="rate-limit"),
        pod("live", fail="liveness", fail_after="1s"),
        pod("late", fail="startup", ran_for="30m"),
        pod("mount", fail="mount", message="no such disk"),
        pod("sandbox", fail="sandbox"),
        pod("create", fail="create", reason="RunContainerError", message="no hook"),
        pod("evict", fail="evict", message="The node was low on resource: memory. "),
        pod("done", fail="exit", exit_code="0"),
    )
    expected = {
        ("pull", "Failed", "429 Too Many Requests"),
        ("pull", "BackOff", "Back-off pulling image"),
        ("live", "Unhealthy", "Liveness probe failed: Get"),
        ("live", "Killing", "failed liveness probe, will be restarted"),
        ("late", "Killing", "failed startup probe, will be restarted"),
        ("mount", "FailedMount", "no such disk"),
        ("sandbox", "FailedCreatePodSandBox", "Failed to create pod sandbox: rpc error"),
        ("create", "Failed", "Error: no hook"),
        ("evict", "Evicted", "low on resource: memory"),
        ("done", "BackOff", "Back-off restarting failed container server in pod done_"),
    }

    def missing() -> set[tuple[str, str, str]]:
        told = listed(cluster, namespace, "events")
        return {
            (name, reason, words)
            for name, reason, words in expected
            if not any(
                one["involvedObject"]["name"] == name
                and one["reason"] == reason
                and words in one["message"]
                and one["source"]["component"] == "kubelet"
                for one in told
            )
        }

    eventually(missing, lambda left: not left, what="all Events")
    pods = {one["metadata"]["name"]: one["status"] for one in listed(cluster, namespace)}
    assert (pods["evict"]["phase"], pods["evict"]["reason"]) == ("Failed", "Evicted")
    (server,) = pods["create"]["containerStatuses"]
    assert server["state"]["waiting"] == {"reason": "RunContainerError", "message": "no hook"}
    (server,) = pods["done"]["containerStatuses"]
    ended = (server["state"].get("terminated") or server["lastState"]["terminated"])["reason"]
    assert ended == "Completed"
    assert pods["mount"]["containerStatuses"][0]["state"]["waiting"]["reason"] == (
        "ContainerCreating"
    )


def test_a_container_that_ran_for_long_looks_like_it(cluster: bed.Cluster, namespace: str) -> None:
    apply(cluster, namespace, pod("late", fail="startup", ran_for="30m"))

    def lasted(pods: list[Json]) -> float:
        (server,) = pods[0]["status"].get("containerStatuses") or [{}]
        ended = server.get("lastState", {}).get("terminated")
        if not ended:
            return 0
        began, end = (parsed(ended[name]) for name in ("startedAt", "finishedAt"))
        return (end - began).total_seconds()

    eventually(
        lambda: listed(cluster, namespace), lambda seen: lasted(seen) >= 1800, what="a late kill"
    )


@pytest.mark.parametrize(
    "cause", ["not-found", "unauthorized", "rate-limit", "no-space", "no-platform"]
)
def test_an_image_is_tried_again_and_again(
    cluster: bed.Cluster, namespace: str, cause: str
) -> None:
    apply(cluster, namespace, pod("server", fail="image-pull", pull_cause=cause, back_off="500ms"))
    seen: list[str] = []

    def waiting() -> list[str]:
        (one,) = listed(cluster, namespace)
        (server,) = one["status"].get("containerStatuses") or [{}]
        reason = server.get("state", {}).get("waiting", {}).get("reason", "")
        if seen[-1:] != [reason]:
            seen.append(reason)
        return seen

    eventually(
        waiting,
        lambda found: min(map(found.count, ("ErrImagePull", "ImagePullBackOff"))) >= 2,
        what="both of its states, twice",
    )
    cluster.kubectl("annotate", "pod/server", "-n", namespace, f"{PREFIX}/fail-")
    eventually(
        lambda: listed(cluster, namespace), lambda pods: is_true(pods[0], "Ready"), what="Ready"
    )


def test_logs_are_what_the_annotations_say(cluster: bed.Cluster, namespace: str) -> None:
    words = {"fail": "exit", "log": "gpu-out-of-memory", "back_off": "1h"}
    apply(cluster, namespace, pod("server", **words))
    eventually(
        lambda: cluster.kubectl("get", "pod/server", "-n", namespace, "-o", "json"),
        lambda text: "CrashLoopBackOff" in text,
        what="CrashLoopBackOff",
    )
    logs = ("logs", "server", "-n", namespace)
    lines = cluster.kubectl(*logs, "--previous").splitlines()
    assert "CUDA out of memory" in lines[-311]
    assert cluster.kubectl(*logs, "--tail=2").splitlines() == lines[-2:]


def parsed(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
