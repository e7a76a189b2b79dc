"""Ordered checks: the first one that has something to say decides, the others are told as well.

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
from cosmos3_operator.status.endings import ended_pod_finding, is_lost
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.hold import runtime_unknown
from cosmos3_operator.status.observe import ChildRef, Observation
from cosmos3_operator.status.permissions import permission_remedy
from cosmos3_operator.status.pods import live_pods, pod_finding
from cosmos3_operator.status.quota import REFUSED_RETRY_SECONDS, refused_finding
from cosmos3_operator.status.ranking import ranked
from cosmos3_operator.status.reading import (
    Pod,
    condition_of,
    is_going,
    is_true,
    name_of,
    time_or_none,
)

MOST_STOPPING = 3
"""Pods named in one message."""

LATE_SECONDS = 5.0
"""When to look again while Deployment and pods disagree: both change within moments."""

TEMPLATE = "pod-template-hash"
"""Label by which a Deployment tells the pods of one ReplicaSet from those of another."""

Check = Callable[[Plan, Observation], Finding | None]


def decide(plan: Plan, observation: Observation) -> Finding:
    """Return the finding that decides whether it is ready, and why not."""
    return findings(plan, observation)[0]


def findings(plan: Plan, observation: Observation) -> tuple[Finding, ...]:
    """Return all that keeps it from serving, the most telling first; or the one that it serves."""
    found = [finding for check in BEFORE_PODS if (finding := check(plan, observation))]
    if found and found[0].ready:
        return (found[0],)
    found = [finding for finding in found if not finding.ready]
    found += _of_pods(plan, observation, decides=not found)
    return tuple(found) or (rolling_out(plan, observation),)


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
        message=f"{names} exists already and is not ours, so it was left alone",
        remedy=f"Rename this {plan.owner.kind}, or delete or rename that object",
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
        remedy=permission_remedy(failure.message for failure in observation.failures),
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
    """Report readiness: generation, updated, available and total agree, and the pods with them.

    The Deployment's counts are a moment late, and stay as they are while its controller is away or
    a node does not report: a pod known to be going, unready or lost is not one that serves.
    """
    if not is_observed(plan, observation) or not _counts_agree(plan, observation):
        return None
    if _ready_pods(observation) + _on_their_way(plan, observation) < plan.replicas:
        return None
    gpus = f"{plan.gpus.world_size} GPU{'' if plan.gpus.world_size == 1 else 's'}"
    if plan.replicas == 1:
        message = f"1 replica answers on /health, with {gpus}"
    else:
        message = f"{plan.replicas} replicas answer on /health, with {gpus} each"
    return Finding(reason=Reason.SERVING, message=message, ready=True)


def _of_pods(plan: Plan, observation: Observation, *, decides: bool) -> list[Finding]:
    """Return what pods say, or what says why there are none; in the order of what it tells."""
    live = live_pods(observation)
    stuck = [pod for pod in observation.pods if is_going(pod) and is_lost(observation, pod)]
    said = [pod_finding(plan, observation, pod) for pod in (*live, *stuck)]
    said += [ended_pod_finding(observation), pods_refused(plan, observation)]
    known = ranked((finding for finding in said if finding), pods=len(live) + len(stuck))
    if not known:
        late = deadline_exceeded(plan, observation)
        return [late] if late else []
    stalled = known[0].stalled or _deadline_exceeded(plan, observation)
    first = replace(known[0], stalled=stalled)
    return [
        replace(first, answering=answering(plan, observation)) if decides else first,
        *known[1:],
    ]


def answering(plan: Plan, observation: Observation) -> str:
    """Say how many answer, where there are more than the one that a finding is about."""
    if plan.replicas <= 1:
        return ""
    ready = ready_replicas(plan, observation, serves=False)
    return f"{ready} of {plan.replicas} replicas answer"


def ready_replicas(plan: Plan, observation: Observation, *, serves: bool) -> int:
    """Return how many pods answer: what the Deployment counts, less what is known to be wrong."""
    counted = int((deployment_of(plan, observation).get("status") or {}).get("readyReplicas", 0))
    if serves:
        return counted
    known = [pod for pod in live_pods(observation) if is_true(pod, "Ready")]
    return min(counted, sum(not is_lost(observation, pod) for pod in known))


def pods_refused(plan: Plan, observation: Observation) -> Finding | None:
    """Report that no pod could even be created: quota, admission, Pod Security."""
    condition = condition_of(deployment_of(plan, observation), "ReplicaFailure")
    if condition.get("status") != "True":
        return None
    return refused_finding(str(condition.get("message")))


def deadline_exceeded(plan: Plan, observation: Observation) -> Finding | None:
    """Report a roll that is over time although no pod says why."""
    if not _deadline_exceeded(plan, observation):
        return None
    return Finding(
        reason=Reason.PROGRESS_DEADLINE_EXCEEDED,
        message="The Deployment made no progress within its deadline",
        remedy=f"See `kubectl describe deployment {plan.owner.base}`",
        stalled=True,
    )


def rolling_out(plan: Plan, observation: Observation) -> Finding:
    """Report the rest: the Deployment controller has not got there yet."""
    if not is_observed(plan, observation):
        return Finding(
            reason=Reason.ROLLING_OUT,
            message="Waiting for the Deployment controller to look at this generation",
        )
    if _is_paused(plan, observation):
        return Finding(
            reason=Reason.ROLLING_OUT,
            message=f"The Deployment {plan.owner.base} is paused, so it is not brought to this "
            "generation",
            remedy=f"`kubectl rollout resume deployment {plan.owner.base}`",
            stalled=True,
        )
    return Finding(
        reason=Reason.ROLLING_OUT,
        message=_counts(plan, observation) + _stopping(observation),
        requeue_after=LATE_SECONDS if _counts_agree(plan, observation) else None,
    )


def _counts(plan: Plan, observation: Observation) -> str:
    status = deployment_of(plan, observation).get("status") or {}
    if _counts_agree(plan, observation):
        return "The Deployment still counts pods as available that are going, gone or not ready"
    return (
        f"{status.get('updatedReplicas', 0)} of {plan.replicas} pods are of this generation; "
        f"{status.get('readyReplicas', 0)} of all pods answer"
    )


def _stopping(observation: Observation) -> str:
    """Say which pods finish their work, and for how long they may: their GPUs are not free yet."""
    going = [pod for pod in observation.pods if is_going(pod)]
    words = [
        f"{name_of(pod)} is stopping, and may finish its work until "
        f"{pod['metadata']['deletionTimestamp']}"
        for pod in going[:MOST_STOPPING]
    ]
    return "".join(f". {word}" for word in words)


BEFORE_PODS: Sequence[Check] = (
    name_taken,
    child_refused,
    access_held,
    runtime_unknown,
    scaled_to_zero,
    serving,
)


def is_observed(plan: Plan, observation: Observation) -> bool:
    """Tell whether the Deployment's status is about the spec that we applied."""
    deployment = deployment_of(plan, observation)
    generation = (deployment.get("metadata") or {}).get("generation")
    observed = (deployment.get("status") or {}).get("observedGeneration")
    return generation is not None and observed == generation


def _counts_agree(plan: Plan, observation: Observation) -> bool:
    status = deployment_of(plan, observation).get("status") or {}
    counts = (status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas"))
    return all(count == plan.replicas for count in counts)


def _ready_pods(observation: Observation) -> int:
    """Count the pods that are known to serve, of the ReplicaSet that made the newest."""
    live = live_pods(observation)
    return sum(
        is_true(pod, "Ready")
        and not is_lost(observation, pod)
        and _template(pod) == _template(live[-1])
        for pod in live
    )


def _on_their_way(plan: Plan, observation: Observation) -> int:
    """Count pods of which the Deployment has heard later than we: the news is on its way."""
    progress = condition_of(deployment_of(plan, observation), "Progressing")
    complete = time_or_none(progress.get("lastUpdateTime"))
    if progress.get("reason") != "NewReplicaSetAvailable" or complete is None:
        return 0
    unready = (pod for pod in live_pods(observation) if not is_true(pod, "Ready"))
    return sum(
        bool(changed and changed < complete) and not is_lost(observation, pod)
        for pod in unready
        for changed in [time_or_none(condition_of(pod, "Ready").get("lastTransitionTime"))]
    )


def _template(pod: Pod) -> str:
    return str((pod["metadata"].get("labels") or {}).get(TEMPLATE) or "")


def _is_paused(plan: Plan, observation: Observation) -> bool:
    progress = condition_of(deployment_of(plan, observation), "Progressing")
    return progress.get("reason") == "DeploymentPaused"


def _deadline_exceeded(plan: Plan, observation: Observation) -> bool:
    condition = condition_of(deployment_of(plan, observation), "Progressing")
    return condition.get("reason") == "ProgressDeadlineExceeded"


def _shortened(text: str) -> str:
    return text if len(text) <= 1500 else text[:1497] + "..."
