"""Pods that were ended by others, and for how long that matters."""

from __future__ import annotations

from typing import Any

import pytest

from unit.status import moments

Json = dict[str, Any]


def failed(*, at: str | None = "2026-11-23T11:49:00Z", reason: str = "Evicted") -> Json:
    pod = moments.pod(name="old", since=at or "")
    pod["status"] |= {"phase": "Failed", "reason": reason, "message": "The node was low on "
                      "resource: memory. "}  # fmt: skip
    if at is None:
        pod["status"]["conditions"] = []
    return pod


def reasons(*pods: Json) -> list[str]:
    status = moments.summary(moments.seen(*pods)).status
    return [finding["reason"] for finding in status["findings"]]


WAITING = moments.pod(node="")


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2026-11-23T11:49:00Z", True),
        ("2026-11-23T11:40:00Z", True),
        ("2026-11-23T11:39:00Z", False),
        (None, True),
    ],
)
def test_an_end_counts_while_it_can_be_why_another_is_on_its_way(
    at: str | None, *, counts: bool
) -> None:
    assert ("Evicted" in reasons(failed(at=at), WAITING)) == counts


def test_an_end_without_a_replacement_counts() -> None:
    assert reasons(failed(at="2026-11-22T11:49:00Z")) == ["Evicted"]


def test_a_pod_that_was_preempted_and_still_stops() -> None:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "message": "default-scheduler: preempting to accommodate a higher priority pod",
        "lastTransitionTime": "2026-11-23T11:49:00Z",
    }
    going = {"conditions": [condition], "deletionTimestamp": "2026-11-23T12:20:00Z"}
    assert reasons(moments.pod(name="old", **going), WAITING)[0] == "Evicted"


def test_a_pod_that_stops_because_it_was_asked_to_says_nothing() -> None:
    going = moments.pod(name="old", deletionTimestamp="2026-11-23T12:20:00Z")
    assert reasons(going) == ["RollingOut"]
    message = moments.ready(moments.summary(moments.seen(going)).status)["message"]
    assert "old is stopping, and may finish its work until 2026-11-23T12:20:00Z" in message


def test_a_lost_node_is_told_for_each_of_its_pods_once() -> None:
    going = moments.pod(name="old", node="gone", deletionTimestamp="2026-11-23T12:20:00Z")
    also = moments.pod(name="other", node="gone", ready=True)
    seen = moments.seen(going, also, lost_nodes=["gone"])
    status = moments.summary(seen).status
    assert [finding["reason"] for finding in status["findings"]] == ["NodeLost"]
    assert "(2 of 2 pods)" in status["findings"][0]["message"]
