"""Servers that stop answering, are killed by their probes, or end again and again.

In: a pod whose containers have run, and its events. Out: a finding. When and how often something
happened is said in steps that stay the same from one restart to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.ended import is_stalled
from cosmos3_operator.status.events import newest, newest_event, text_of
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.reading import (
    Container,
    Pod,
    condition_of,
    last_line,
    lasted,
    name_of,
    one_line,
    restarts,
    running_since,
    stamp,
    time_or_none,
)

_STEPS = (3, 10, 30, 100, 300, 1000)
"""How often, roughly: the message changes a handful of times in the life of a pod."""

_KUBELET_SLACK = timedelta(seconds=60)
EXITS_WHEN_TOLD = (0, 137, 143)
"""Exit codes after SIGTERM and SIGKILL; vLLM ends with 0 when it is told to stop."""

_KILLED = (137, 143)


def not_answering(observation: Observation, pod: Pod, container: Container) -> Finding | None:
    """Report a server that runs, was ready, and does not answer any more.

    A request that guardrails refuse is answered, and never makes a pod unready.
    """
    if not lost_readiness(pod, container):
        return None
    since = condition_of(pod, "Ready").get("lastTransitionTime")
    told = newest(observation, pod, reason="Unhealthy", begins="Readiness probe")
    return Finding(
        reason=Reason.NOT_ANSWERING,
        message=f"The server runs, but has not answered on /health since {since}",
        evidence=one_line(told),
        remedy=f"See `kubectl logs {name_of(pod)}`. If it stays silent for five minutes, it is "
        "restarted",
        pod=name_of(pod),
    )


def lost_readiness(pod: Pod, container: Container) -> bool:
    """Tell a server that was ready from one that still starts: by when readiness changed last."""
    since = running_since(container)
    changed = time_or_none(condition_of(pod, "Ready").get("lastTransitionTime"))
    runs_unready = container.get("started") and not container.get("ready")
    return bool(runs_unready and since and changed and changed > since)


def probe_kill(
    plan: Plan,
    observation: Observation,
    pod: Pod,
    container: Container,
    end: Mapping[str, Any],
    *,
    how_far: str = "",
) -> Finding | None:
    """Report a run that the kubelet ended because a probe failed, None if it ended otherwise.

    `how_far` says what a start that ran out of time had reached, "" if that is not known.
    """
    if end.get("exitCode") not in EXITS_WHEN_TOLD:
        return None
    if _is_killed_for(observation, pod, container, end, "startup") or _took_the_budget(plan, end):
        told = newest(observation, pod, reason="Unhealthy", begins="Startup probe")
        return _budget_exceeded(plan, pod, container, told=told, how_far=how_far)
    is_told = _is_killed_for(observation, pod, container, end, "liveness")
    if is_told or _was_killed_later(plan, end):
        return _liveness(observation, pod, container, end, is_told=is_told)
    return None


def crash_loop(pod: Pod, container: Container, end: Mapping[str, Any], *, what: str) -> Finding:
    """Report that a container ended, when nothing better is known; `what` names it."""
    words = last_line(str(end.get("message") or ""))
    name = str(container.get("name") or "")
    code, why = end.get("exitCode"), end.get("reason")
    code = code if why in (None, "Error", "Completed") else f"{code} ({why})"
    if is_stalled(container):
        since = (pod.get("status") or {}).get("startTime")
        return Finding(
            reason=Reason.CRASH_LOOPING,
            message=f"{what} ends again and again, at least {_roughly(restarts(container))} "
            f"times{f' since {since}' if since else ''}, last with exit code {code}",
            evidence=words,
            remedy=look_at(pod, name, previous=True),
            pod=name_of(pod),
            stalled=True,
        )
    return Finding(
        reason=Reason.CONTAINER_FAILED,
        message=f"{what} ended with exit code {code}{'' if words else ' and left no message'}",
        evidence=words,
        remedy=look_at(pod, name, previous=True),
        pod=name_of(pod),
    )


def look_at(pod: Pod, container: str = "", *, previous: bool) -> str:
    """Return where to read on."""
    of = f" -c {container}" if container and container != "server" else ""
    return f"See `kubectl logs {'--previous ' if previous else ''}{name_of(pod)}{of}`"


def _budget_exceeded(
    plan: Plan, pod: Pod, container: Container, *, told: str, how_far: str
) -> Finding:
    return Finding(
        reason=Reason.STARTUP_BUDGET_EXCEEDED,
        message=f"The server was not healthy within its start-up budget of "
        f"{plan.startup.budget_seconds} s ({plan.startup.reason}) and was restarted"
        + (f"; {how_far}" if how_far else ""),
        evidence=one_line(told),
        remedy="Raise spec.startupBudgetSeconds, or keep weights on a claim (spec.cache). "
        + look_at(pod, previous=True),
        pod=name_of(pod),
        stalled=is_stalled(container),
    )


def _liveness(
    observation: Observation,
    pod: Pod,
    container: Container,
    end: Mapping[str, Any],
    *,
    is_told: bool,
) -> Finding:
    unsure = "" if is_told else ", most likely since it did not answer on /health for five minutes"
    why = "its liveness probe on /health failed" if is_told else "it was killed from outside"
    failed = newest(observation, pod, reason="Unhealthy", begins="Liveness probe")
    return Finding(
        reason=Reason.LIVENESS_FAILED,
        message=f"The server had started, and was restarted because {why} "
        f"(exit code {end.get('exitCode')}){unsure}",
        evidence=one_line(failed) or last_line(str(end.get("message") or "")),
        remedy="Look for what the server did last, such as an engine that died or a request that "
        f"never ended. {look_at(pod, previous=True)}",
        pod=name_of(pod),
        stalled=is_stalled(container),
    )


def _is_killed_for(
    observation: Observation, pod: Pod, container: Container, end: Mapping[str, Any], probe: str
) -> bool:
    """Tell whether the kubelet says that it killed this very run for that probe."""
    begins = f"Container {container.get('name')} failed "
    event = newest_event(observation, pod, reason="Killing", begins=begins)
    if not text_of(event).startswith(f"{begins}{probe} probe"):
        return False
    at = time_or_none(event.get("lastTimestamp") or event.get("eventTime"))
    started = time_or_none(end.get("startedAt"))
    finished = time_or_none(end.get("finishedAt"))
    return at is None or ((not started or started <= at) and (not finished or at <= finished))


def _took_the_budget(plan: Plan, end: Mapping[str, Any]) -> bool:
    """Tell a kill at the end of the budget from a crash: by its time and by its exit code."""
    budget = timedelta(seconds=plan.startup.budget_seconds)
    return budget <= lasted(end) <= _latest_kill(plan)


def _was_killed_later(plan: Plan, end: Mapping[str, Any]) -> bool:
    """Tell whether a run was killed that must have been healthy, or it had not got that old."""
    return end.get("exitCode") in _KILLED and lasted(end) > _latest_kill(plan)


def _latest_kill(plan: Plan) -> timedelta:
    budget = timedelta(seconds=plan.startup.budget_seconds)
    return budget + timedelta(seconds=plan.drain.grace_seconds) + _KUBELET_SLACK


def _roughly(count: int) -> int:
    return max((step for step in _STEPS if step <= count), default=count)


def loading_until(plan: Plan, container: Container) -> str | None:
    """Return when the start-up budget of a run ends, None if none is going on."""
    since = running_since(container)
    return stamp(since + timedelta(seconds=plan.startup.budget_seconds)) if since else None
