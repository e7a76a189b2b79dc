"""Ordered checks: the first one that has something to say decides.

Each takes plan and observation and returns a finding or None. The order is by cause: what the API
server refused explains everything after it, and what a pod says explains the Deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.access import access_held
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import ChildRef, Observation
from cosmos3_operator.status.pods import eviction_finding, live_pods, pod_finding

REFUSED_RETRY_SECONDS = 60.0
"""A quota or a permission may change without an event that we see."""

Check = Callable[[Plan, Observation], Finding | None]


def decide(plan: Plan, observation: Observation) -> Finding:
    """Return the first finding; the last check always has one."""
    for check in CHECKS:
        if finding := check(plan, observation):
            return finding
    raise AssertionError("the last check always finds something")


def deployment_of(plan: Plan, observation: Observation) -> Mapping[str, Any]:
    """Return the live Deployment, {} if there is none yet."""
    return observation.children.get(ChildRef("Deployment", plan.owner.base), {})


def name_taken(plan: Plan, observation: Observation) -> Finding | None:
    """Report an object of somebody else's under the name of a child."""
    taken = [failure for failure in observation.failures if failure.reason == "NameTaken"]
    if not taken:
        return None
    names = ", ".join(f"{item.ref.kind} {item.ref.name}" for item in taken)
    return Finding(
        reason=Reason.NAME_TAKEN,
        message=f"{names} exists already and is not ours, so it was left alone. Rename this "
        f"{plan.owner.kind}, or delete or rename that object",
        stalled=True,
        requeue_after=REFUSED_RETRY_SECONDS,
    )


def child_refused(plan: Plan, observation: Observation) -> Finding | None:
    """Report what the API server would not accept, in its own words."""
    if not observation.failures:
        return None
    words = "; ".join(
        f"{failure.ref.kind} {failure.ref.name}: {failure.message}"
        for failure in observation.failures
    )
    return Finding(
        reason=Reason.CHILD_REFUSED,
        message=f"The API server refused {_shortened(words)}",
        stalled=True,
        requeue_after=REFUSED_RETRY_SECONDS,
    )


def scaled_to_zero(plan: Plan, observation: Observation) -> Finding | None:
    """Report that nothing runs because nothing was asked for, once no pod holds a GPU any more."""
    status = deployment_of(plan, observation).get("status") or {}
    if plan.replicas or status.get("replicas") or not is_observed(plan, observation):
        return None
    # The Deployment counts no pod that is ending, but one that drains keeps its GPUs.
    phases = [(pod.get("status") or {}).get("phase") for pod in observation.pods]
    if left := sum(phase not in ("Failed", "Succeeded") for phase in phases):
        return Finding(
            reason=Reason.ROLLING_OUT,
            message=f"spec.replicas is 0, and {left} pod{' is' if left == 1 else 's are'} still "
            "ending and holding GPUs; work in progress may take up to "
            f"{plan.drain.grace_seconds} s",
        )
    return Finding(
        reason=Reason.SCALED_TO_ZERO,
        message="spec.replicas is 0: nothing runs and no GPU is held",
        ready=True,
    )


def serving(plan: Plan, observation: Observation) -> Finding | None:
    """Report readiness: generation, updated, available and total all agree."""
    status = deployment_of(plan, observation).get("status") or {}
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    if not is_observed(plan, observation) or any(count != plan.replicas for count in counts):
        return None
    gpus = f"{plan.gpus.world_size} GPU{'' if plan.gpus.world_size == 1 else 's'}"
    if plan.replicas == 1:
        message = f"1 replica answers on /health, with {gpus}"
    else:
        message = f"{plan.replicas} replicas answer on /health, with {gpus} each"
    return Finding(reason=Reason.SERVING, message=message, ready=True)


def pods(plan: Plan, observation: Observation) -> Finding | None:
    """Report the worst that any pod says."""
    found = [pod_finding(plan, pod) for pod in live_pods(observation)]
    known = [finding for finding in found if finding is not None]
    if evicted := eviction_finding(observation):
        known.append(evicted)
    if not known:
        return None
    worst = min(known, key=lambda finding: _SEVERITY.index(finding.reason))
    return replace(
        worst,
        message=_with_count(plan, observation, worst.message),
        stalled=worst.stalled or _deadline_exceeded(plan, observation),
    )


def pods_refused(plan: Plan, observation: Observation) -> Finding | None:
    """Report that no pod could even be created: quota, admission, Pod Security."""
    condition = _condition(deployment_of(plan, observation), "ReplicaFailure")
    if condition.get("status") != "True":
        return None
    return Finding(
        reason=Reason.PODS_REFUSED,
        message=f"No pod could be created: {_shortened(str(condition.get('message')))}",
        stalled=True,
        requeue_after=REFUSED_RETRY_SECONDS,
    )


def deadline_exceeded(plan: Plan, observation: Observation) -> Finding | None:
    """Report a roll that is over time although no pod says why."""
    if not _deadline_exceeded(plan, observation):
        return None
    return Finding(
        reason=Reason.PROGRESS_DEADLINE_EXCEEDED,
        message="The Deployment made no progress within its deadline. See `kubectl describe "
        f"deployment {plan.owner.base}`",
        stalled=True,
    )


def rolling_out(plan: Plan, observation: Observation) -> Finding:
    """Report the rest: the Deployment controller has not got there yet."""
    status = deployment_of(plan, observation).get("status") or {}
    if not is_observed(plan, observation):
        message = "Waiting for the Deployment controller to look at this generation"
    else:
        message = (
            f"{status.get('updatedReplicas', 0)} of {plan.replicas} pods are of this generation; "
            f"{status.get('readyReplicas', 0)} of all pods answer"
        )
    return Finding(reason=Reason.ROLLING_OUT, message=message)


CHECKS: Sequence[Check] = (
    name_taken,
    child_refused,
    access_held,
    scaled_to_zero,
    serving,
    pods,
    pods_refused,
    deadline_exceeded,
    rolling_out,
)

_SEVERITY = (
    Reason.CONFIGURATION_MISSING,
    Reason.IMAGE_PULL_FAILED,
    Reason.OUT_OF_MEMORY,
    Reason.DEVICE_BROKEN,
    Reason.NO_CUDA_DEVICE,
    Reason.CUDA_DRIVER_TOO_OLD,
    Reason.TOO_FEW_DEVICES,
    Reason.COMPUTE_CAPABILITY_TOO_LOW,
    Reason.SHARED_MEMORY_TOO_SMALL,
    Reason.CACHE_NOT_WRITABLE,
    Reason.STARTUP_BUDGET_EXCEEDED,
    Reason.CONTAINER_FAILED,
    Reason.NO_NODE_FITS,
    Reason.INSUFFICIENT_GPUS,
    Reason.EVICTED,
    Reason.SCHEDULING,
    Reason.STARTING,
)


def is_observed(plan: Plan, observation: Observation) -> bool:
    """Tell whether the Deployment's status is about the spec that we applied."""
    deployment = deployment_of(plan, observation)
    generation = (deployment.get("metadata") or {}).get("generation")
    observed = (deployment.get("status") or {}).get("observedGeneration")
    return generation is not None and observed == generation


def _with_count(plan: Plan, observation: Observation, message: str) -> str:
    """Say how many answer, where there are more than the one that the message is about."""
    ready = (deployment_of(plan, observation).get("status") or {}).get("readyReplicas", 0)
    return (
        f"{ready} of {plan.replicas} replicas answer. {message}" if plan.replicas > 1 else message
    )


def _deadline_exceeded(plan: Plan, observation: Observation) -> bool:
    condition = _condition(deployment_of(plan, observation), "Progressing")
    return condition.get("reason") == "ProgressDeadlineExceeded"


def _condition(deployment: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == type_), {})


def _shortened(text: str) -> str:
    return text if len(text) <= 1500 else text[:1497] + "..."
