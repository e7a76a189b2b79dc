"""What one pod says about itself: scheduling, image, configuration, crashes, loading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.paths import DEVICES
from cosmos3_operator.plan.types import Plan, Verdict
from cosmos3_operator.status.devices import device_finding
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import Observation

Pod = Mapping[str, Any]

STALLED_AFTER_RESTARTS = 3
"""A server that failed this often in the same way will not come up by itself."""

NODES_RETRY_SECONDS = 60.0
"""Nodes are not watched, so a better answer is looked for now and then."""

_KUBELET_SLACK = timedelta(seconds=60)
_EXITS_WHEN_TOLD = (0, 137, 143)
"""Exit codes after SIGTERM and SIGKILL; vLLM ends with 0 when it is told to stop."""

_PULL_FAILURES = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_PULL_ADVICE = "Check spec.runtime.image and spec.pod.imagePullSecrets"
_CONFIG_FAILURES = ("CreateContainerConfigError", "CreateContainerError")


def live_pods(observation: Observation) -> tuple[Pod, ...]:
    """Return the pods that are meant to stay: not the ones that are going or have ended."""
    return tuple(
        pod
        for pod in observation.pods
        if not pod.get("metadata", {}).get("deletionTimestamp") and _phase(pod) != "Failed"
    )


def eviction_finding(observation: Observation) -> Finding | None:
    """Return why the newest pod that ended did so, None if none has ended."""
    ended = [pod for pod in observation.pods if _phase(pod) == "Failed"]
    if not ended:
        return None
    status = ended[-1].get("status") or {}
    words = last_line(str(status.get("message") or "")) or "it left no message"
    return Finding(
        reason=Reason.EVICTED,
        message=f"The previous pod was ended by its node ({status.get('reason') or 'Failed'}): "
        f"{words}. A new pod is on its way; if this repeats, raise what ran out: spec.cache.size, "
        "or the requests in spec.pod.resources",
    )


def pod_finding(plan: Plan, pod: Pod) -> Finding | None:
    """Return why this pod does not serve, None if it does."""
    if _is_true(pod, "Ready"):
        return None
    if finding := _unscheduled(plan, pod):
        return finding
    for container in _init_containers(pod):
        if finding := cannot_start(container, advice=_PULL_ADVICE) or _init_failed(
            plan, pod, container
        ):
            return finding
    for container in _containers(pod):
        if finding := cannot_start(container, advice=_PULL_ADVICE) or _failed(plan, pod, container):
            return finding
    return _starting(plan, pod)


def is_scheduled(pod: Pod) -> bool:
    """Tell whether the pod has a node, and so its GPUs."""
    return bool((pod.get("spec") or {}).get("nodeName")) or _is_true(pod, "PodScheduled")


def unscheduled_words(pod: Pod) -> str:
    """Return what the scheduler says about a pod that no node takes, "" if it does not say so."""
    scheduled = _condition(pod, "PodScheduled")
    if is_scheduled(pod) or scheduled.get("reason") != "Unschedulable":
        return ""
    return _first_sentence(str(scheduled.get("message") or "")) or "it does not say why"


def _unscheduled(plan: Plan, pod: Pod) -> Finding | None:
    if is_scheduled(pod):
        return None
    scheduled = _condition(pod, "PodScheduled")
    words = _first_sentence(str(scheduled.get("message") or ""))
    if scheduled.get("reason") != "Unschedulable":
        return Finding(reason=Reason.SCHEDULING, message="Waiting for the scheduler")
    if plan.placement.verdict in (Verdict.TOO_LARGE, Verdict.NO_MATCH):
        return Finding(
            reason=Reason.NO_NODE_FITS,
            message=_sentence(plan.placement.message),
            requeue_after=NODES_RETRY_SECONDS,
        )
    if f"Insufficient {plan.gpu_resource}" in words:
        return Finding(
            reason=Reason.INSUFFICIENT_GPUS,
            message=f"One replica needs {plan.gpus.world_size} {plan.gpu_resource} on one node, "
            f"and no matching node has that many free. The scheduler says: {words}. Free GPUs, add "
            "a node, or use a smaller spec.parallelism",
            requeue_after=NODES_RETRY_SECONDS,
        )
    return Finding(
        reason=Reason.SCHEDULING,
        message=f"No node takes the pod. The scheduler says: {words}",
        requeue_after=NODES_RETRY_SECONDS,
    )


def cannot_start(container: Mapping[str, Any], *, advice: str) -> Finding | None:
    """Return why a container cannot even be created; `advice` is for an image."""
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, words = waiting.get("reason"), last_line(str(waiting.get("message") or ""))
    if reason in _PULL_FAILURES:
        return Finding(
            reason=Reason.IMAGE_PULL_FAILED,
            message=f"The image {container.get('image')} cannot be pulled ({reason}): {words}. "
            f"{advice}",
            stalled=reason in ("InvalidImageName", "ErrImageNeverPull"),
        )
    if reason in _CONFIG_FAILURES:
        return Finding(
            reason=Reason.CONFIGURATION_MISSING,
            message=f"The container cannot be created: {words}. Create what is missing; the pod "
            "goes on by itself",
        )
    return None


def _init_failed(plan: Plan, pod: Pod, container: Mapping[str, Any]) -> Finding | None:
    """Report the newest end of a container that must succeed before the server starts."""
    ended = _ended(container)
    if not ended or _succeeded(container):
        return None
    if finding := _devices(plan, pod, container, ended):
        return finding
    name, code, why = container.get("name"), ended.get("exitCode"), ended.get("reason")
    code = code if why in (None, "Error") else f"{code} ({why})"
    words = last_line(str(ended.get("message") or "")) or "it left no message"
    way_out = ", or set spec.preflight.devices: Disabled" if name == DEVICES else ""
    return Finding(
        reason=Reason.CONTAINER_FAILED,
        message=f"The init container {name} ended with exit code {code}: {words}. "
        f"See `kubectl logs {_name(pod)} -c {name}`{way_out}",
        stalled=_is_stalled(container),
    )


def _succeeded(container: Mapping[str, Any]) -> bool:
    """Tell whether an init container is done: what it did before does not matter any more."""
    state = container.get("state") or {}
    return (state.get("terminated") or {}).get("exitCode") == 0


def _devices(
    plan: Plan, pod: Pod, container: Mapping[str, Any], ended: Mapping[str, Any]
) -> Finding | None:
    node = str((pod.get("spec") or {}).get("nodeName") or "")
    return device_finding(plan, ended, node=node, stalled=_is_stalled(container))


def _ended(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the newest end of a container, None if it has not ended yet."""
    state, last = container.get("state") or {}, container.get("lastState") or {}
    return state.get("terminated") or last.get("terminated")


def _is_stalled(container: Mapping[str, Any]) -> bool:
    return int(container.get("restartCount") or 0) >= STALLED_AFTER_RESTARTS


def _failed(plan: Plan, pod: Pod, container: Mapping[str, Any]) -> Finding | None:
    """Report the newest end of a container that should be running."""
    ended = _ended(container)
    if not ended:
        return None
    if finding := _devices(plan, pod, container, ended):
        return finding
    stalled = _is_stalled(container)
    look = f"See `kubectl logs --previous {_name(pod)}`"
    if ended.get("reason") == "OOMKilled":
        return Finding(
            reason=Reason.OUT_OF_MEMORY, message=f"{_out_of_memory(plan)}. {look}", stalled=stalled
        )
    if _was_ended_by_the_startup_probe(plan, ended):
        return Finding(
            reason=Reason.STARTUP_BUDGET_EXCEEDED,
            message=f"The server was not healthy within its start-up budget of "
            f"{plan.startup.budget_seconds} s ({plan.startup.reason}) and was restarted. Raise "
            f"spec.startupBudgetSeconds, or keep weights on a claim (spec.cache). {look}",
            stalled=stalled,
        )
    words = last_line(str(ended.get("message") or "")) or "it left no message"
    return Finding(
        reason=Reason.CONTAINER_FAILED,
        message=f"The server ended with exit code {ended.get('exitCode')}: {words}. {look}",
        stalled=stalled,
    )


def _out_of_memory(plan: Plan) -> str:
    if plan.memory_limit is None:
        return (
            "The server was killed because its node ran out of host memory: raise "
            f"spec.pod.resources.requests.memory above {plan.memory_request}, so that the "
            "scheduler keeps as much free"
        )
    return (
        f"The server was killed for using more host memory than its limit of {plan.memory_limit}: "
        "raise spec.pod.resources.limits.memory"
    )


def _was_ended_by_the_startup_probe(plan: Plan, ended: Mapping[str, Any]) -> bool:
    """Tell a kill at the end of the budget from a crash: by its time and by its exit code."""
    budget = timedelta(seconds=plan.startup.budget_seconds)
    latest = budget + timedelta(seconds=plan.drain.grace_seconds) + _KUBELET_SLACK
    return budget <= _lasted(ended) <= latest and ended.get("exitCode") in _EXITS_WHEN_TOLD


def _starting(plan: Plan, pod: Pod) -> Finding:
    until = _loading_until(plan, pod)
    limit = f", and may take until {until}" if until else ""
    return Finding(
        reason=Reason.STARTING,
        message=f"The server downloads and loads{limit} (start-up budget "
        f"{plan.startup.budget_seconds} s: {plan.startup.reason})",
    )


def _loading_until(plan: Plan, pod: Pod) -> str | None:
    for container in _containers(pod):
        started = ((container.get("state") or {}).get("running") or {}).get("startedAt")
        if started:
            end = _time(started) + timedelta(seconds=plan.startup.budget_seconds)
            return end.strftime("%Y-%m-%dT%H:%M:%SZ")
    return None


def _init_containers(pod: Pod) -> Sequence[Mapping[str, Any]]:
    return (pod.get("status") or {}).get("initContainerStatuses") or ()


def _containers(pod: Pod) -> Sequence[Mapping[str, Any]]:
    return (pod.get("status") or {}).get("containerStatuses") or ()


def _name(pod: Pod) -> str:
    return str(pod.get("metadata", {}).get("name"))


def _phase(pod: Pod) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def _condition(pod: Pod, type_: str) -> Mapping[str, Any]:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == type_), {})


def _is_true(pod: Pod, type_: str) -> bool:
    return _condition(pod, type_).get("status") == "True"


def _lasted(ended: Mapping[str, Any]) -> timedelta:
    started, finished = ended.get("startedAt"), ended.get("finishedAt")
    return _time(finished) - _time(started) if started and finished else timedelta()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def last_line(text: str) -> str:
    """Return the last line that says something, "" if none does."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".")[:500] if lines else ""


def _first_sentence(text: str) -> str:
    """Leave out what the scheduler adds about preemption and claims: it never says what to do."""
    return text.partition(". ")[0].rstrip(".")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
