"""How far a start is: the phase, the figure and the time left of the slowest replica.

In: plan, pods, the logs of live runs, the time, and what the status said before. Out: the data of
`StartupStatus`, or None while no replica starts. Every difference is a write of the status, so
figures and times move in coarse steps, and within one run, known by its deadline, a phase never
goes back: the end of a log may have lost the line that told of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cosmos3_operator.catalog.startup import Phase
from cosmos3_operator.plan.paths import DEVICES, SERVER
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.access import is_held
from cosmos3_operator.status.ended import is_stalled, succeeded
from cosmos3_operator.status.evidence import LOGS, LogAsk
from cosmos3_operator.status.milestones import milestone
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.pods import live_pods
from cosmos3_operator.status.reading import (
    Container,
    Pod,
    containers_of,
    init_containers_of,
    is_scheduled,
    is_true,
    name_of,
    restarts,
    running_since,
    stamp,
    waiting,
)

TIME_STEPS = 20
"""The budget is shown in at most so many steps."""

_STEPS_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120)
_ON_ITS_WAY = (None, "ContainerCreating", "PodInitializing")


@dataclass(frozen=True, kw_only=True)
class Start:
    """How far one replica is."""

    phase: Phase
    progress: str = ""
    deadline: datetime | None = None
    """When the start-up probe gives up; None before the server runs."""
    is_known: bool = True
    """Whether the log that would tell has been read: of many replicas, only a few are."""


def startup(
    plan: Plan, observation: Observation, *, now: datetime, previous: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return `status.startup`, None while no replica starts; `previous` is what it was."""
    starts = [
        start
        for pod in _pods(plan, observation)
        if (start := _start(plan, pod, observation)) and not _is_only_again(pod, start)
    ]
    if not starts:
        return None
    known = [start for start in starts if start.is_known] or starts
    slowest = min(known, key=lambda start: (start.phase.rank, -_seconds(start.deadline)))
    return dict(_fields(_not_back(slowest, previous), plan=plan, now=now))


def _pods(plan: Plan, observation: Observation) -> Iterator[Pod]:
    if plan.replicas and not is_held(plan, observation):
        yield from live_pods(observation)


def _start(plan: Plan, pod: Pod, observation: Observation) -> Start | None:
    """Return how far a pod is, None if it serves or something keeps it from starting."""
    if is_true(pod, "Ready"):
        return None
    if not is_scheduled(pod):
        return Start(phase=Phase.SCHEDULING)
    if not is_true(pod, "Initialized"):
        for container in init_containers_of(pod):
            if not succeeded(container):
                return _before_the_server(pod, container)
    server = _server(pod)
    if started := running_since(server):
        return None if server.get("started") else _running(plan, pod, observation, started)
    return _before_the_server(pod, server)


def _is_only_again(pod: Pod, start: Start) -> bool:
    """Tell whether all that is known is that what fails again and again has begun anew.

    That is no news: shown, it would be two writes for each restart, for as long as it fails.
    """
    containers = (*init_containers_of(pod), _server(pod))
    return start.phase is Phase.PREPARING and any(map(is_stalled, containers))


def _before_the_server(pod: Pod, container: Container) -> Start | None:
    state = container.get("state") or {}
    if "running" in state:
        is_look = container.get("name") == DEVICES
        words = "looks at its GPUs" if is_look else f"init container {container.get('name')}"
        return Start(phase=Phase.PREPARING, progress=words)
    if "terminated" in state or waiting(container).get("reason") not in _ON_ITS_WAY:
        return None
    # The sandbox is made once volumes are mounted; what is left to wait for is the image.
    is_pulling = bool(state) and is_true(pod, "PodReadyToStartContainers")
    return Start(phase=Phase.PULLING if is_pulling else Phase.PREPARING)


def _running(plan: Plan, pod: Pod, observation: Observation, started: datetime) -> Start:
    deadline = started + timedelta(seconds=plan.startup.budget_seconds)
    log = observation.evidence.logs.get(_log_of(pod, _server(pod)))
    if log is None:
        return _unread(plan, observation, deadline)
    reached = milestone(plan.runtime.engine, log)
    phase, progress = reached.phase, reached.coarsely
    if phase is Phase.DOWNLOADING and not plan.startup.download_gib:
        phase = Phase.LOADING
    elif phase is Phase.DOWNLOADING:
        progress = progress or f"up to {plan.startup.download_gib:.1f} GiB"
    elif phase is Phase.PREPARING:
        progress = "the server starts"
    return Start(phase=phase, progress=progress, deadline=deadline)


def _unread(plan: Plan, observation: Observation, deadline: datetime) -> Start:
    """Return what is known of a server whose log was not read: that it runs."""
    if LOGS in observation.evidence.refused:
        words = "how far is not known: the operator may not get pods/log"
        return Start(phase=Phase.LOADING, progress=words, deadline=deadline)
    return Start(
        phase=Phase.PREPARING, progress="the server starts", deadline=deadline, is_known=False
    )


def _not_back(start: Start, previous: Mapping[str, Any]) -> Start:
    """Keep the phase of before, if it is of the same run and was further."""
    if start.deadline is None or previous.get("deadline") != stamp(start.deadline):
        return start
    before = next((phase for phase in Phase if phase == previous.get("phase")), start.phase)
    progress = str(previous.get("progress") or "")
    if before.rank > start.phase.rank:
        return replace(start, phase=before, progress=progress)
    return (
        start if start.progress or before is not start.phase else replace(start, progress=progress)
    )


def _fields(start: Start, *, plan: Plan, now: datetime) -> Iterator[tuple[str, str]]:
    yield "phase", str(start.phase)
    if start.progress:
        yield "progress", start.progress
    if start.deadline:
        yield "deadline", stamp(start.deadline)
        yield "left", left(start.deadline - now, budget_seconds=plan.startup.budget_seconds)


def left(remaining: timedelta, *, budget_seconds: int) -> str:
    """Return the time left, rounded down to a step of at least a twentieth of the budget."""
    needed = budget_seconds / TIME_STEPS / 60
    step = next((minutes for minutes in _STEPS_MINUTES if minutes >= needed), _STEPS_MINUTES[-1])
    minutes = int(remaining.total_seconds() // 60) // step * step
    if remaining <= timedelta():
        return "none"
    return _duration(minutes) if minutes else f"under {_duration(step)}"


def _duration(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{f'{hours}h' if hours else ''}{f'{rest}m' if rest else ''}"


def _log_of(pod: Pod, server: Container) -> LogAsk:
    return LogAsk(
        pod=name_of(pod),
        container=SERVER,
        run=restarts(server),
        is_previous=False,
        is_live=True,
    )


def _server(pod: Pod) -> Container:
    """Return the status of the server's container; others may have been injected."""
    return next((one for one in containers_of(pod) if one.get("name") == SERVER), {})


def _seconds(deadline: datetime | None) -> float:
    return deadline.timestamp() if deadline else 0.0
