"""What it would help to know: which logs, events and free GPUs to read.

In: plan, observation, the time. Out: questions, few and in a fixed order, and when to look again
where nothing that is watched will tell. Of what serves, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.checks import scaled_to_zero, serving
from cosmos3_operator.status.claims import CLAIM, claims_of, is_bound
from cosmos3_operator.status.creation import is_refused, never_ran
from cosmos3_operator.status.ended import ended_log_ask, newest_end, succeeded
from cosmos3_operator.status.evidence import Ask, Asks, EventsAsk, InventoryAsk, LogAsk
from cosmos3_operator.status.images import has_no_cause, waits_for_image
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.pods import live_pods
from cosmos3_operator.status.reading import (
    Container,
    Pod,
    all_containers,
    condition_of,
    containers_of,
    has_run,
    init_containers_of,
    is_scheduled,
    is_true,
    name_of,
    restarts,
    running_since,
    time_or_none,
)
from cosmos3_operator.status.restarts import EXITS_WHEN_TOLD, lost_readiness
from cosmos3_operator.status.scheduling import NODES_RETRY_SECONDS, parts_of

MOST_PODS = 3
MOST_ASKS = 8
"""Enough to tell one cause from another: replicas of one resource nearly always fail alike."""

LIVE_AFTER = timedelta(seconds=10)
"""A container that runs for less has hardly said anything."""
STUCK_AFTER = timedelta(seconds=20)
"""Volumes and network are usually there within a few seconds: judgement."""
PROGRESS_SECONDS = 15.0
"""How often a log is read while a server starts."""


def asks(plan: Plan, observation: Observation, /, *, now: datetime) -> Asks:
    """Return the questions whose answers would help, the most telling first."""
    failing = _failing(plan, observation)
    asked = tuple(dict.fromkeys(_asks(plan, observation, failing, now)))[:MOST_ASKS]
    waits = [PROGRESS_SECONDS if _is_live(ask) else NODES_RETRY_SECONDS for ask in asked]
    waits += _until_due(failing, now)
    return Asks(asks=asked, requeue_after=min(waits, default=None))


def _asks(plan: Plan, observation: Observation, pods: list[Pod], now: datetime) -> Iterator[Ask]:
    if any(_lacks_node(pod) for pod in pods):
        yield InventoryAsk(plan.gpu_resource)
    if any(not is_scheduled(pod) for pod in pods):
        yield from _claims(plan, observation, pods)
    for pod in pods:
        yield from _of_pod(pod, now)


def _failing(plan: Plan, observation: Observation) -> list[Pod]:
    """Return the newest pods that do not serve, of a resource that does not."""
    if serving(plan, observation) or scaled_to_zero(plan, observation):
        return []
    unready = [pod for pod in live_pods(observation) if not is_true(pod, "Ready")]
    return unready[::-1][:MOST_PODS]


def _lacks_node(pod: Pod) -> bool:
    """Tell whether free GPUs by node could say more than the scheduler does."""
    scheduled = condition_of(pod, "PodScheduled")
    if is_scheduled(pod) or scheduled.get("reason") != "Unschedulable":
        return False
    parts = parts_of(str(scheduled.get("message") or ""))
    return any("taint" in part or part.startswith("Insufficient ") for part in parts)


def _claims(plan: Plan, observation: Observation, pods: list[Pod]) -> Iterator[Ask]:
    """Ask about claims of ours that have no volume, and about others if the scheduler does."""
    words = " ".join(str(condition_of(pod, "PodScheduled").get("message")) for pod in pods)
    named = "ersistentvolume" in words.lower() or "binding volumes" in words
    for claim in claims_of(plan):
        bound = is_bound(observation, claim)
        if bound is False or (bound is None and named):
            yield EventsAsk(CLAIM, claim)


def _of_pod(pod: Pod, now: datetime) -> Iterator[Ask]:
    for container in init_containers_of(pod):
        if not succeeded(container):
            yield from _of_end(pod, container)
    for container in containers_of(pod):
        yield from _of_end(pod, container)
        if _is_due(_live_since(container), LIVE_AFTER, now):
            yield _live_log(pod, container)
        if lost_readiness(pod, container) or has_no_cause(container):
            yield EventsAsk("Pod", name_of(pod))
    if _is_due(_stuck_since(pod), STUCK_AFTER, now):
        yield EventsAsk("Pod", name_of(pod))


def _of_end(pod: Pod, container: Container) -> Iterator[Ask]:
    """Ask about a run that ended, unless its end says all."""
    end = newest_end(container)
    if not end or end.get("reason") == "OOMKilled" or never_ran(end):
        return
    if (log := ended_log_ask(pod, container)) is not None:
        yield log
    if end.get("exitCode") in EXITS_WHEN_TOLD:
        yield EventsAsk("Pod", name_of(pod))


def _live_log(pod: Pod, container: Container) -> LogAsk:
    return LogAsk(
        pod=name_of(pod),
        container=str(container.get("name")),
        run=restarts(container),
        is_previous=False,
        is_live=True,
    )


def _live_since(container: Container) -> datetime | None:
    return None if container.get("ready") else running_since(container)


def _stuck_since(pod: Pod) -> datetime | None:
    """Return since when a pod has a node and no container, unless that is told already."""
    if not is_scheduled(pod) or has_run(pod):
        return None
    if any(waits_for_image(one) or is_refused(one) for one in all_containers(pod)):
        return None
    scheduled = condition_of(pod, "PodScheduled").get("lastTransitionTime")
    return time_or_none(scheduled or pod["metadata"].get("creationTimestamp"))


def _until_due(pods: list[Pod], now: datetime) -> list[float]:
    """Return the seconds until something that goes on has gone on for long enough to be asked."""
    waits = []
    for pod in pods:
        begun = [(_live_since(container), LIVE_AFTER) for container in containers_of(pod)]
        for since, patience in [*begun, (_stuck_since(pod), STUCK_AFTER)]:
            if since is not None and not _is_due(since, patience, now):
                waits.append((since + patience - now).total_seconds())
    return waits


def _is_due(since: datetime | None, patience: timedelta, now: datetime) -> bool:
    return since is not None and now - since >= patience


def _is_live(ask: Ask) -> bool:
    return isinstance(ask, LogAsk) and ask.is_live
