"""What one pod says about itself: scheduling, image, configuration, crashes, loading.

In: a pod, and what was read about it. Out: a finding, or none if it serves. Which rule may speak
first follows the way of a pod: node, volumes and network, image, container, program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.paths import DEVICES
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.creation import (
    cannot_start,
    is_refused,
    never_ran,
    runtime_finding,
    stuck_finding,
)
from cosmos3_operator.status.devices import device_finding, refused_device
from cosmos3_operator.status.ended import ended_log, is_stalled, newest_end, succeeded
from cosmos3_operator.status.endings import lost_finding
from cosmos3_operator.status.events import newest
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.milestones import furthest
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.reading import (
    Container,
    Pod,
    containers_of,
    init_containers_of,
    is_going,
    is_true,
    name_of,
    node_of,
    phase_of,
    waiting,
)
from cosmos3_operator.status.restarts import (
    crash_loop,
    loading_until,
    look_at,
    not_answering,
    probe_kill,
)
from cosmos3_operator.status.scheduling import scheduling_finding
from cosmos3_operator.status.told import told_by, told_finding, with_best_line

_PULL_ADVICE = "Check spec.runtime.image and spec.pod.imagePullSecrets"


def live_pods(observation: Observation) -> tuple[Pod, ...]:
    """Return the pods that are meant to stay: not the ones that are going or have ended."""
    return tuple(pod for pod in observation.pods if not is_going(pod) and phase_of(pod) != "Failed")


def pod_finding(plan: Plan, observation: Observation, pod: Pod) -> Finding | None:
    """Return why this pod does not serve, None if it does."""
    if lost := lost_finding(observation, pod):
        return lost
    if is_true(pod, "Ready"):
        return None
    return (
        scheduling_finding(plan, observation, pod)
        or _of_init_containers(plan, observation, pod)
        or _of_servers(plan, observation, pod)
        or stuck_finding(observation, pod)
        or _starting(plan, pod)
    )


def _of_init_containers(plan: Plan, observation: Observation, pod: Pod) -> Finding | None:
    for container in init_containers_of(pod):
        finding = _cannot_start(plan, observation, pod, container)
        if finding := finding or _init_failed(plan, observation, pod, container):
            return finding
    return None


def _of_servers(plan: Plan, observation: Observation, pod: Pod) -> Finding | None:
    for container in containers_of(pod):
        finding = (
            not_answering(observation, pod, container)
            or _cannot_start(plan, observation, pod, container)
            or _failed(plan, observation, pod, container)
        )
        if finding:
            return finding
    return None


def _cannot_start(
    plan: Plan, observation: Observation, pod: Pod, container: Container
) -> Finding | None:
    """Return why a container waits, if that is more than its turn."""
    if is_refused(container):
        text = str(waiting(container).get("message") or "")
        if finding := refused_device(plan, text, node=node_of(pod), stalled=is_stalled(container)):
            return replace(finding, pod=name_of(pod))
    return cannot_start(
        container,
        advice=_PULL_ADVICE,
        pod=name_of(pod),
        previous=observation.previous,
        told=newest(observation, pod, reason="Failed", begins="Failed to pull image"),
    )


def _init_failed(
    plan: Plan, observation: Observation, pod: Pod, container: Container
) -> Finding | None:
    """Report the newest end of a container that must succeed before the server starts."""
    end = newest_end(container)
    if not end or succeeded(container):
        return None
    if finding := _devices(plan, pod, container, end):
        return finding
    if never_ran(end):
        return runtime_finding(str(end.get("message") or ""), pod=name_of(pod))
    name, code, why = container.get("name"), end.get("exitCode"), end.get("reason")
    what = f"The init container {name}"
    if told := told_by(plan, observation, pod, container, end):
        return told_finding(told, pod, container, end, what=what)
    code = code if why in (None, "Error") else f"{code} ({why})"
    way_out = ", or set spec.preflight.devices: Disabled" if name == DEVICES else ""
    finding = Finding(
        reason=Reason.CONTAINER_FAILED,
        message=f"{what} ended with exit code {code}",
        remedy=look_at(pod, str(name), previous=False) + way_out,
        pod=name_of(pod),
        stalled=is_stalled(container),
    )
    return with_best_line(finding, plan, observation, pod, container, end)


def _failed(plan: Plan, observation: Observation, pod: Pod, container: Container) -> Finding | None:
    """Report the newest end of a container that should be running."""
    end = newest_end(container)
    if not end:
        return None
    if finding := _devices(plan, pod, container, end):
        return finding
    if never_ran(end):
        return runtime_finding(str(end.get("message") or ""), pod=name_of(pod))
    if end.get("reason") == "OOMKilled":
        return _out_of_memory(plan, pod, container)
    return _printed(plan, observation, pod, container, end)


def _printed(
    plan: Plan, observation: Observation, pod: Pod, container: Container, end: Mapping[str, Any]
) -> Finding:
    """Report an end by what was printed before it, or else by how it came about."""
    told = told_by(plan, observation, pod, container, end)
    how_far = furthest(plan, ended_log(observation.evidence, pod, container))
    killed = probe_kill(plan, observation, pod, container, end, how_far=how_far)
    # A cause explains a kill; what happened last in a run that was killed does not.
    if told and not (killed and told.is_weak):
        return told_finding(told, pod, container, end, what=_what(container))
    if killed:
        return killed
    looping = crash_loop(pod, container, end, what=_what(container))
    return with_best_line(looping, plan, observation, pod, container, end)


def _what(container: Container) -> str:
    name = container.get("name")
    return "The server" if name in (None, "server") else f"The container {name}"


def _devices(plan: Plan, pod: Pod, container: Container, end: Mapping[str, Any]) -> Finding | None:
    found = device_finding(plan, end, node=node_of(pod), stalled=is_stalled(container))
    return replace(found, pod=name_of(pod)) if found else None


def _out_of_memory(plan: Plan, pod: Pod, container: Container) -> Finding:
    if plan.memory_limit is None:
        message = "The server was killed because its node ran out of host memory"
        remedy = (
            f"Raise spec.pod.resources.requests.memory above {plan.memory_request}, so that the "
            "scheduler keeps as much free"
        )
    else:
        message = (
            "The server was killed for using more host memory than its limit of "
            f"{plan.memory_limit}"
        )
        remedy = "Raise spec.pod.resources.limits.memory"
    return Finding(
        reason=Reason.OUT_OF_MEMORY,
        message=message,
        remedy=f"{remedy}. {look_at(pod, previous=True)}",
        pod=name_of(pod),
        stalled=is_stalled(container),
    )


def _starting(plan: Plan, pod: Pod) -> Finding:
    ends = (loading_until(plan, container) for container in containers_of(pod))
    until = next(filter(None, ends), None)
    words = (
        f"The server downloads and loads, and may take until {until}"
        if until
        else "The node prepares the pod: volumes, image, the look at its GPUs. Then the server "
        "downloads and loads"
    )
    budget = f"start-up budget {plan.startup.budget_seconds} s: {plan.startup.reason}"
    return Finding(reason=Reason.STARTING, message=f"{words} ({budget})", pod=name_of(pod))
