"""Why a container is not created, and why a pod does not get that far.

In: a container that waits or ended before it ran, the events of a pod none of whose containers has
run. Out: a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.status.events import events_of, most_telling, since_progress
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.images import image_finding, waits_for_image
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.reading import (
    Container,
    Pod,
    all_containers,
    has_run,
    name_of,
    node_of,
    one_line,
    waiting,
)
from cosmos3_operator.status.words import said

_CONFIG = "CreateContainerConfigError"
_REFUSED = frozenset(
    {
        _CONFIG,
        "CreateContainerError",
        "RunContainerError",
        "PreCreateHookError",
        "PreStartHookError",
        "PostStartHookError",
    }
)
"""Reasons of `waiting`: kubernetes 1.36.3 pkg/kubelet/kuberuntime, pkg/kubelet/container."""

_NEVER_RAN = frozenset({"StartError", "ContainerCannotRun"})
"""Reasons of `terminated` when the runtime could not start a container: containerd, CRI-O."""


def cannot_start(
    container: Container,
    *,
    advice: str,
    pod: str = "",
    previous: Iterable[Mapping[str, Any]] = (),
    told: str = "",
) -> Finding | None:
    """Return why a container cannot even be created; `advice` is for an image."""
    finding = image_finding(container, advice=advice, pod=pod, previous=previous, told=told)
    return finding or _refused(container, pod)


def is_refused(container: Container) -> bool:
    """Tell whether a container waits because it could not be created or started."""
    return waiting(container).get("reason") in _REFUSED


def never_ran(end: Mapping[str, Any]) -> bool:
    """Tell whether a container ended before its program began."""
    return end.get("reason") in _NEVER_RAN


def runtime_finding(text: str, *, pod: str) -> Finding:
    """Return why the container runtime did not start a container."""
    if found := said("create", text):
        return found.finding(evidence=text, pod=pod)
    return Finding(
        reason=Reason.RUNTIME_REFUSED,
        message="The container could not be started",
        evidence=one_line(text),
        remedy=f"See `kubectl describe pod {pod}`" if pod else "See `kubectl describe pod`",
        pod=pod,
    )


def stuck_finding(observation: Observation, pod: Pod) -> Finding | None:
    """Return what keeps a pod from getting as far as its containers, None if nothing is known."""
    if has_run(pod) or any(map(waits_for_image, all_containers(pod))):
        return None
    events = since_progress(events_of(observation, "Pod", name_of(pod)))
    for who, reasons in _EVENTS.items():
        telling = tuple(event for event in events if event.get("reason") in reasons)
        if found := most_telling(who, telling):
            says, text = found
            node = node_of(pod) or "(unknown)"
            return says.finding(evidence=text, pod=name_of(pod), node=node)
    return None


_EVENTS: Mapping[str, frozenset[str]] = {
    "mount": frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume"}),
    "sandbox": frozenset({"FailedCreatePodSandBox", "NetworkNotReady"}),
}
"""Group of rules → reasons of the events that it reads: kubernetes 1.36.3 pkg/kubelet/events."""


def _refused(container: Container, pod: str) -> Finding | None:
    if not is_refused(container):
        return None
    state = waiting(container)
    text = str(state.get("message") or "")
    if state.get("reason") != _CONFIG or said("create", text):
        return runtime_finding(text, pod=pod)
    return Finding(
        reason=Reason.CONFIGURATION_MISSING,
        message="The container cannot be created, since something that it refers to is missing",
        evidence=one_line(text),
        remedy="Create what is missing; the pod goes on by itself",
        pod=pod,
    )
