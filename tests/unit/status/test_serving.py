"""Ready is true only while Deployment and pods agree that every replica serves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos3_operator.status.observe import Observation
from unit.status import moments

Json = dict[str, Any]
COMPLETE = "NewReplicaSetAvailable"


def is_ready(observation: Observation, *, replicas: int = 1) -> bool:
    status = moments.summary(observation, replicas=replicas).status
    return bool(moments.ready(status)["status"] == "True")


def serves(name: str = moments.POD, **more: Any) -> Json:
    server = moments.container(moments.runs(), started=True, ready=True)
    return moments.pod(server, name=name, ready=True, **more)


def full(replicas: int = 1, *, heard: str = "") -> Json:
    progress = {"type": "Progressing", "status": "True", "reason": COMPLETE}
    conditions = [progress | {"lastUpdateTime": heard}] if heard else []
    return moments.deployment(ready=replicas, replicas=replicas, conditions=conditions)


def test_it_serves() -> None:
    assert is_ready(moments.seen(serves(), deployed=full()))


@pytest.mark.parametrize(
    "pods",
    [
        pytest.param([], id="gone"),
        pytest.param([serves(deletionTimestamp="2026-11-23T12:20:00Z")], id="going"),
        pytest.param([moments.pod()], id="unready"),
        pytest.param([serves() | {"status": {"phase": "Failed"}}], id="failed"),
    ],
)
def test_a_pod_that_is_counted_and_does_not_serve(pods: list[Json]) -> None:
    assert not is_ready(moments.seen(*pods, deployed=full()))


def test_a_pod_on_a_lost_node() -> None:
    assert not is_ready(moments.seen(serves(), deployed=full(), lost_nodes=["gpu-0"]))
    assert is_ready(moments.seen(serves(), deployed=full(), lost_nodes=["gpu-1"]))


def test_a_pod_of_an_older_replica_set_is_not_one_of_this_generation() -> None:
    old = serves("a", labels={"pod-template-hash": "5b9f"})
    new = serves("b", labels={"pod-template-hash": "7d4c"})
    assert not is_ready(moments.seen(old, new, deployed=full(2)), replicas=2)
    assert is_ready(moments.seen(new, serves("c", labels=new["metadata"]["labels"]),
                                 deployed=full(2)), replicas=2)  # fmt: skip


def test_news_that_the_deployment_had_first_is_believed() -> None:
    loading = moments.pod(since="2026-11-23T11:50:00Z")
    assert is_ready(moments.seen(loading, deployed=full(heard="2026-11-23T11:55:00Z")))
    assert not is_ready(moments.seen(loading, deployed=full(heard="2026-11-23T11:45:00Z")))


def test_it_is_never_believed_of_a_lost_or_going_pod() -> None:
    deployed = full(heard="2026-11-23T11:55:00Z")
    going = moments.pod(deletionTimestamp="2026-11-23T12:20:00Z")
    assert not is_ready(moments.seen(going, deployed=deployed))
    assert not is_ready(moments.seen(moments.pod(), deployed=deployed, lost_nodes=["gpu-0"]))


def test_while_they_disagree_it_is_looked_at_again_soon() -> None:
    made = moments.summary(moments.seen(deployed=full()))
    assert made.requeue_after == 5


def test_a_node_that_is_given_up_is_told_without_asking_for_nodes() -> None:
    gave_up = [{"type": "ContainersReady", "status": "True"}]
    cut_off = moments.pod(
        moments.container(moments.runs(), ready=True, started=True), conditions=gave_up
    )
    assert moments.ready(moments.summary(moments.seen(cut_off)).status)["reason"] == "NodeLost"


def test_a_readiness_gate_is_not_a_lost_node() -> None:
    gate = [{"type": "ContainersReady", "status": "True"}]
    gated = moments.pod(moments.container(moments.runs(), ready=True), conditions=gate)
    gated["status"]["conditions"][0]["reason"] = "ReadinessGatesNotReady"
    assert moments.ready(moments.summary(moments.seen(gated)).status)["reason"] == "Starting"


counts = st.integers(min_value=0, max_value=3)


@given(
    wanted=st.integers(min_value=1, max_value=3),
    counted=st.tuples(counts, counts, counts, counts),
    pods=st.lists(st.sampled_from(["serves", "loads", "going", "lost"]), max_size=4),
    observed=st.sampled_from([2, 3]),
)
def test_ready_needs_both(
    *, wanted: int, counted: tuple[int, ...], pods: list[str], observed: int
) -> None:
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    deployed = moments.deployment()
    deployed["status"] = dict(zip(names, counted, strict=True)) | {"observedGeneration": observed}
    made = {
        "serves": serves,
        "loads": lambda name: moments.pod(name=name),
        "going": lambda name: serves(name, deletionTimestamp="2026-11-23T12:20:00Z"),
        "lost": lambda name: serves(name, node="gone"),
    }
    found = [made[kind](f"p{place}") for place, kind in enumerate(pods)]
    observation = moments.seen(*found, deployed=deployed, lost_nodes=["gone"])
    replicas, updated, _, available = counted
    agree = observed == 3 and replicas == updated == available == wanted
    assert is_ready(observation, replicas=wanted) == (agree and pods.count("serves") >= wanted)


def test_findings_are_absent_while_it_serves_and_lead_with_the_reason_otherwise() -> None:
    status = moments.summary(moments.seen(serves(), deployed=full())).status
    assert "findings" not in status
    status = moments.summary(moments.seen(moments.pod())).status
    first = status["findings"][0]
    assert first["reason"] == moments.ready(status)["reason"]
    assert first["message"] in moments.ready(status)["message"]


def test_at_most_five_are_told() -> None:
    causes = ["not found", "x509: unknown", "no space left on device", "429 Too Many Requests",
              "no such host", "401 Unauthorized", "no match for platform in manifest"]  # fmt: skip
    pods = [
        moments.pod(moments.container(moments.waits("ErrImagePull", f"it: {cause}")), name=cause)
        for cause in causes
    ]
    status = moments.summary(moments.seen(*pods, deployed=moments.deployment(replicas=7))).status
    assert len(status["findings"]) == 5
