"""Late, early, repeated and missing news: the store keeps the newest and asks for passes rarely."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.plan.facts import LiveDeployment
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.live import live_deployment
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.status.observe import ChildRef
from fakes import toy
from fakes.loop import KEY

REF = ChildRef("Service", "super")


def body(version: int, *, uid: str = "u", **more: Any) -> dict[str, Any]:
    base = toy.resource()
    base["metadata"].update(uid=uid, resourceVersion=str(version), generation=1)
    return {**base, **more}


def service(version: int, *, uid: str = "s") -> dict[str, Any]:
    metadata = {"name": "super", "namespace": "default", "uid": uid}
    return {
        "kind": "Service",
        "metadata": {**metadata, "resourceVersion": str(version), "managedFields": [1]},
        "spec": {"big": 1},
    }


def pod(version: int, phase: str, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": metadata.pop("name", "p"),
            "uid": "p",
            "resourceVersion": str(version),
            **metadata,
        },
        "spec": {"nodeName": "n", "containers": []},
        "status": {"phase": phase, "podIP": "10.0.0.1"},
    }


def test_what_nobody_reads_is_not_kept() -> None:
    store = Store()
    heavy = body(1)
    heavy["metadata"]["managedFields"] = [{}]
    heavy["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "kept": "1",
    }
    store.put_resource(KEY, heavy)
    kept = store.resource(KEY)
    assert kept is not None
    assert "managedFields" not in kept["metadata"]
    assert kept["metadata"]["annotations"] == {"kept": "1"}
    store.put_child(KEY, REF, service(1))
    child = store.child(KEY, REF)
    assert child is not None
    assert "spec" not in child
    assert "managedFields" not in child["metadata"]


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    assert store.put_resource(KEY, body(10))
    assert not store.put_resource(KEY, body(9, status={"old": True}))
    assert "status" not in (store.resource(KEY) or {})
    assert not store.put_resource(KEY, body(10))


def test_what_was_seen_deleted_does_not_come_back() -> None:
    store = Store()
    store.put_child(KEY, REF, service(5))
    assert store.drop_child(KEY, REF, service(6))
    assert not store.put_child(KEY, REF, service(5))
    assert store.child(KEY, REF) is None


def test_what_only_left_the_selection_can_come_back() -> None:
    store = Store()
    store.put_child(KEY, REF, service(5))
    store.drop_child(KEY, REF, service(6))
    assert store.put_child(KEY, REF, service(7))
    assert store.child(KEY, REF) is not None


def test_a_late_deletion_does_not_hit_the_successor() -> None:
    store = Store()
    store.put_child(KEY, REF, service(7, uid="new"))
    assert not store.drop_child(KEY, REF, service(6, uid="old"))
    assert store.child(KEY, REF) is not None
    store.put_resource(KEY, body(7, uid="new"))
    assert not store.drop_resource(KEY, body(6, uid="old"))
    assert store.resource(KEY) is not None


def test_our_own_status_is_no_news_and_a_foreign_one_is() -> None:
    store = Store()
    store.put_resource(KEY, body(1))
    store.will_write_status(KEY, {"a": 1})
    assert not store.put_resource(KEY, body(2, status={"a": 1}))
    assert store.put_resource(KEY, body(3, status={"a": 2}))


def test_news_during_a_pass_ask_for_none() -> None:
    store = Store()
    with store.passing(KEY):
        assert not store.put_child(KEY, REF, service(1))
        assert not store.put_pod(KEY, pod(1, "Running"))
        assert not store.drop_child(KEY, REF, service(2))
        assert store.put_resource(KEY, body(1))
    assert store.put_child(KEY, REF, service(3))


def test_pods_are_sorted_by_age_and_only_visible_changes_count() -> None:
    store = Store()
    assert store.put_pod(KEY, pod(1, "Pending", creationTimestamp="2"))
    older = pod(2, "Running", creationTimestamp="1", name="older")
    older["metadata"]["uid"] = "older"
    assert store.put_pod(KEY, older)
    assert [one["metadata"]["name"] for one in store.pods(KEY)] == ["older", "p"]
    assert not store.put_pod(KEY, pod(3, "Pending", creationTimestamp="2"))
    assert store.put_pod(KEY, pod(4, "Running", creationTimestamp="2"))
    assert store.pods(KEY)[1]["spec"] == {"nodeName": "n", "containers": []}
    assert store.drop_pod(KEY, "p", pod(5, "Running"))
    assert len(store.pods(KEY)) == 1


def test_of_a_pods_containers_only_the_limits_are_kept() -> None:
    store = Store()
    limits = {"nvidia.com/gpu": "8"}
    server = {"name": "server", "args": ["x"], "resources": {"limits": limits, "requests": limits}}
    seen = pod(1, "Running")
    seen["spec"]["containers"] = [server, {"name": "other"}]
    store.put_pod(KEY, seen)
    (kept,) = store.unsorted_pods(KEY)
    assert kept["spec"]["containers"] == [{"resources": {"limits": limits}}, {"resources": {}}]


def test_whoever_looks_at_pods_sees_each_change_once() -> None:
    seen: list[tuple[Any, Any]] = []

    def look(key: Key, old: Any, new: Any) -> None:
        assert key == KEY
        seen.append(tuple(one and one["status"]["phase"] for one in (old, new)))

    store = Store(on_pod=look)
    store.put_pod(KEY, pod(1, "Pending"))
    store.put_pod(KEY, pod(3, "Running"))
    store.put_pod(KEY, pod(2, "Pending"))
    store.drop_pod(KEY, "p", pod(4, "Running"))
    store.drop_pod(KEY, "p", pod(4, "Running"))
    assert seen == [(None, "Pending"), ("Pending", "Running"), ("Running", None)]


def test_a_pod_that_a_new_list_does_not_show_is_told_too() -> None:
    gone: list[Any] = []
    store = Store(on_pod=lambda _, old, new: gone.append(old) if new is None else None)
    seen = pod(1, "Running")
    store.put_pod(KEY, seen)
    store.lose("Pod", KEY, "p", seen["metadata"]["uid"])
    assert [one["metadata"]["uid"] for one in gone] == [seen["metadata"]["uid"]]


def test_deletions_are_remembered_within_bounds() -> None:
    store = Store()
    for number in range(5000):
        store.drop_pod(KEY, "p", {"metadata": {"uid": str(number), "resourceVersion": "1"}})
    assert len(store._deleted) == 4096


def test_doubt_ends_with_an_answer() -> None:
    store = Store()
    store.doubt(KEY)
    assert not store.is_doubtful(KEY)
    store.put_resource(KEY, body(1))
    store.doubt(KEY)
    assert store.is_doubtful(KEY)
    store.settle_doubt(KEY, body(1))
    assert not store.is_doubtful(KEY)
    assert store.resource(KEY) is not None
    store.doubt(KEY)
    store.settle_doubt(KEY, None)
    assert store.resource(KEY) is None


def test_what_the_deployment_says_of_its_runtime_is_kept_and_nothing_more_of_its_spec() -> None:
    store, ref = Store(), ChildRef("Deployment", "super")
    assert store.deployment(KEY) is None
    made = service(1) | {"kind": "Deployment"}
    containers = [{"name": "proxy", "image": "p"}, {"name": "server", "image": "a/b:1", "args": []}]
    made["spec"] = {"replicas": 2, "template": {"spec": {"containers": containers}}}
    made["metadata"]["annotations"] = {
        "serving.cosmos3.io/runtime": "{}",
        "serving.cosmos3.io/cuda": "12",
    }
    store.put_child(KEY, ref, made)
    assert store.deployment(KEY) == LiveDeployment(
        note="{}", cuda_note="12", image="a/b:1", replicas=2
    )
    child = store.child(KEY, ref)
    assert child is not None
    kept = child["spec"]["template"]["spec"]["containers"]
    assert kept == [{"name": "proxy", "image": "p"}, {"name": "server", "image": "a/b:1"}]


@pytest.mark.parametrize(
    ("status", "has_served"),
    [
        ({}, False),
        ({"replicas": 0, "updatedReplicas": 0, "availableReplicas": 0}, False),
        ({"replicas": 1, "updatedReplicas": 1}, False),
        ({"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, True),
        ({"conditions": [{"type": "Progressing", "reason": "ReplicaSetUpdated"}]}, False),
        # It stays so while pods come and go.
        ({"conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable"}]}, True),
    ],
)
def test_a_deployment_has_served_once_all_its_pods_were_available(
    status: dict[str, Any], *, has_served: bool
) -> None:
    made = service(1) | {"kind": "Deployment", "status": status}
    assert live_deployment(made).has_served is has_served


def test_of_a_job_only_its_end_means_a_pass() -> None:
    store, ref = Store(), ChildRef("Job", "asks")

    def job(version: int, **status: Any) -> dict[str, Any]:
        made = service(version)
        made["metadata"]["generation"] = 1
        return {**made, "kind": "Job", "status": status}

    assert store.put_child(KEY, ref, job(1))
    assert not store.put_child(KEY, ref, job(2, active=1, ready=0, startTime="now"))
    complete = [{"type": "Complete", "status": "True"}]
    assert store.put_child(KEY, ref, job(3, succeeded=1, conditions=complete))
    assert store.child(KEY, ref)["status"] == {"conditions": complete}  # type: ignore[index]
