"""How to read a pod and its containers: what Kubernetes writes where, in one place.

In: pods and containers as the API server sends them, trimmed. Out: plain values. Nothing here
judges; that is for the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cosmos3_operator.status.ended import newest_end

Pod = Mapping[str, Any]
Container = Mapping[str, Any]

WORDS_LIMIT = 500
"""Characters quoted of what somebody else wrote: enough for a sentence and a path."""

_BEGINNING = 150
"""Of those, from the beginning: errors are wrapped, and the cause stands at the end."""


def name_of(pod: Pod) -> str:
    """Return the pod's name."""
    return str((pod.get("metadata") or {}).get("name"))


def node_of(pod: Pod) -> str:
    """Return the pod's node, "" if it has none yet."""
    return str((pod.get("spec") or {}).get("nodeName") or "")


def phase_of(pod: Pod) -> str:
    """Return Pending, Running, Succeeded, Failed or ""."""
    return str((pod.get("status") or {}).get("phase") or "")


def is_going(pod: Pod) -> bool:
    """Tell whether somebody has asked for the pod to be deleted."""
    return bool((pod.get("metadata") or {}).get("deletionTimestamp"))


def condition_of(pod: Pod, type_: str) -> Mapping[str, Any]:
    """Return one condition of a pod, or of any object, {} if it has none such."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == type_), {})


def is_true(pod: Pod, type_: str) -> bool:
    """Tell whether a condition of the pod holds."""
    return condition_of(pod, type_).get("status") == "True"


def is_scheduled(pod: Pod) -> bool:
    """Tell whether the pod has a node, and so its GPUs."""
    return bool(node_of(pod)) or is_true(pod, "PodScheduled")


def containers_of(pod: Pod) -> Sequence[Container]:
    """Return what the kubelet says about the containers that serve."""
    return (pod.get("status") or {}).get("containerStatuses") or ()


def init_containers_of(pod: Pod) -> Sequence[Container]:
    """Return what the kubelet says about the containers that run first."""
    return (pod.get("status") or {}).get("initContainerStatuses") or ()


def all_containers(pod: Pod) -> Iterator[Container]:
    """Yield the containers in the order in which they run."""
    yield from init_containers_of(pod)
    yield from containers_of(pod)


def waiting(container: Container) -> Mapping[str, Any]:
    """Return why the container does not run, {} if it does or has ended."""
    return (container.get("state") or {}).get("waiting") or {}


def running_since(container: Container) -> datetime | None:
    """Return when the run that goes on has begun, None if none does."""
    started = ((container.get("state") or {}).get("running") or {}).get("startedAt")
    return time_of(started) if started else None


def restarts(container: Container) -> int:
    """Return how often the container was started again."""
    return int(container.get("restartCount") or 0)


def has_run(pod: Pod) -> bool:
    """Tell whether any container has started: then the volumes are mounted, the network is up."""
    return any(
        running_since(container) or newest_end(container) or restarts(container)
        for container in all_containers(pod)
    )


def lasted(end: Mapping[str, Any]) -> timedelta:
    """Return how long a run took, nothing if that is not known."""
    started, finished = end.get("startedAt"), end.get("finishedAt")
    return time_of(finished) - time_of(started) if started and finished else timedelta()


def time_of(text: str) -> datetime:
    """Return a time as Kubernetes writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def time_or_none(text: object) -> datetime | None:
    """Return a time as Kubernetes writes it, None if there is none."""
    return time_of(str(text)) if text else None


def stamp(moment: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def last_line(text: str) -> str:
    """Return the last line that says something, "" if none does."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return shortened(lines[-1].rstrip(".")) if lines else ""


def one_line(text: str) -> str:
    """Return all that a text says, as one line."""
    return shortened(" ".join(text.split()).rstrip("."))


def shortened(text: str) -> str:
    """Return beginning and end of a text that may be long."""
    if len(text) <= WORDS_LIMIT:
        return text
    return f"{text[:_BEGINNING]} … {text[_BEGINNING + 3 - WORDS_LIMIT :]}"
