"""What is asked for, when, and that little is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cosmos3_operator.status.asks import MOST_ASKS, MOST_PODS, asks
from cosmos3_operator.status.evidence import NO_ASKS, Asks, EventsAsk, InventoryAsk, LogAsk
from cosmos3_operator.status.observe import ChildRef
from unit.status import moments
from unit.status.moments import POD, container, ended, pod, runs, seen, unscheduled, waits

Json = dict[str, Any]
GPUS = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."
UNBOUND = "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
CLAIM = "super-generator-cache"
EVENTS = EventsAsk("Pod", POD)
SCHEDULED = {
    "type": "PodScheduled",
    "status": "True",
    "lastTransitionTime": "2026-11-23T11:59:30Z",
}


def asked(*pods: Json, later: float = 0, **spec: Any) -> Asks:
    now = moments.NOW + timedelta(seconds=later)
    return asks(moments.plan(**spec), seen(*pods), now=now)


def log(run: int, *, previous: bool = False, live: bool = False, name: str = POD) -> LogAsk:
    return LogAsk(pod=name, container="server", run=run, is_previous=previous, is_live=live)


def test_nothing_is_asked_of_what_serves() -> None:
    server = container(runs(), ended(1), restarts=3, started=True, ready=True)
    serving = seen(pod(server, ready=True), deployed=moments.deployment(ready=1))
    assert asks(moments.plan(), serving, now=moments.NOW) == NO_ASKS


def test_nothing_is_asked_where_nothing_was_asked_for() -> None:
    zero = seen(pod(container(runs(), ended(1))), deployed=moments.deployment(replicas=0))
    assert asks(moments.plan(replicas=0), zero, now=moments.NOW) == NO_ASKS


def test_nothing_is_asked_of_a_pod_that_is_going_or_has_failed() -> None:
    crashed = container(waits("CrashLoopBackOff"), ended(1))
    going = pod(crashed, deletionTimestamp="2026-11-23T12:20:00Z")
    failed = pod(crashed)
    failed["status"]["phase"] = "Failed"
    assert asked(going, failed) == NO_ASKS


def test_the_log_of_a_run_that_ended() -> None:
    crashed = container(waits("CrashLoopBackOff"), ended(1), restarts=2)
    assert asked(pod(crashed)).asks == (log(2, previous=True),)
    assert asked(pod(crashed)).requeue_after == 60


@pytest.mark.parametrize("end", [ended(137, "OOMKilled"), ended(128, "StartError")])
def test_no_log_where_the_end_says_all(end: Json) -> None:
    assert asked(pod(container(waits("CrashLoopBackOff"), end))).asks == ()


def test_no_log_of_an_init_container_that_is_done() -> None:
    found = pod(container(waits("PodInitializing")))
    found["status"]["initContainerStatuses"] = [container(ended(0)) | {"name": "devices"}]
    assert asked(found).asks == ()


@pytest.mark.parametrize("code", [0, 137, 143])
def test_events_where_a_probe_may_have_killed(code: int) -> None:
    crashed = container(waits("CrashLoopBackOff"), ended(code))
    assert asked(pod(crashed)).asks == (log(0, previous=True), EVENTS)


def test_the_log_of_a_server_that_starts_and_when_to_read_on() -> None:
    young = pod(container(runs("2026-11-23T11:59:54Z")))
    assert asked(young) == Asks(asks=(), requeue_after=4)
    assert asked(young, later=4) == Asks(asks=(log(0, live=True),), requeue_after=15)


def test_both_logs_of_a_server_that_starts_again() -> None:
    again = pod(container(runs(), ended(1), restarts=1))
    assert asked(again).asks == (log(0, previous=True), log(1, live=True))


def test_events_of_a_server_that_fell_silent() -> None:
    silent = container(runs(), started=True, ready=False)
    assert EVENTS in asked(pod(silent, since="2026-11-23T11:57:00Z")).asks
    assert EVENTS not in asked(pod(silent, since="2026-11-23T11:50:00Z")).asks


def test_events_of_a_pod_that_does_not_get_to_its_containers() -> None:
    stuck = pod(container(waits("ContainerCreating")), conditions=[SCHEDULED])
    assert asked(stuck, later=-15) == Asks(asks=(), requeue_after=5)
    assert asked(stuck, later=-10) == Asks(asks=(EVENTS,), requeue_after=60)


@pytest.mark.parametrize("reason", ["ErrImagePull", "CreateContainerConfigError"])
def test_no_events_where_the_state_says_why(reason: str) -> None:
    told = pod(container(waits(reason, "x: not found")), conditions=[SCHEDULED])
    assert asked(told).asks == ()


def test_events_where_the_kubelet_leaves_out_why_an_image_is_not_there() -> None:
    back_off = waits("ImagePullBackOff", 'Back-off pulling image "a/b:1"')
    assert asked(pod(container(back_off), conditions=[SCHEDULED])).asks == (EVENTS,)


def test_free_gpus_while_no_node_has_enough() -> None:
    assert asked(unscheduled(GPUS)) == Asks(
        asks=(InventoryAsk("nvidia.com/gpu"),), requeue_after=60
    )
    assert asked(unscheduled("", reason="SchedulingGated")).asks == ()
    assert asked(unscheduled(UNBOUND)).asks == ()


def claimed(phase: str, words: str = UNBOUND) -> tuple[Any, ...]:
    child = {ChildRef("PersistentVolumeClaim", CLAIM): {"status": {"phase": phase}}}
    observation = seen(unscheduled(words), children=child)
    cache = {"type": "Claim", "size": "200Gi"}
    return asks(moments.plan(cache=cache), observation, now=moments.NOW).asks


def test_events_of_a_claim_of_ours_that_is_not_bound() -> None:
    assert claimed("Pending") == (EventsAsk("PersistentVolumeClaim", CLAIM),)
    assert claimed("Bound") == ()


def test_events_of_a_claim_of_others_only_if_the_scheduler_speaks_of_claims() -> None:
    cache = {"type": "ExistingClaim", "claimName": "weights"}
    question = EventsAsk("PersistentVolumeClaim", "weights")
    assert question in asked(unscheduled(UNBOUND), cache=cache).asks
    assert question not in asked(unscheduled(GPUS), cache=cache).asks


def test_little_is_asked_however_many_fail_and_the_newest_first() -> None:
    crashed = container(runs(), ended(137), restarts=1)
    pods = [pod(crashed, name=f"p{number}") for number in range(9)]
    found = asked(*pods, replicas=9).asks
    assert len(found) == MOST_ASKS
    named = [question.pod for question in found if isinstance(question, LogAsk)]
    assert list(dict.fromkeys(named)) == ["p8", "p7", "p6"][:MOST_PODS]
