"""Pods that were ended by others: evicted, preempted, shut down, refused or lost by their node.

In: pods that have failed, that are going, or whose node does not report. Out: a finding. Failed
pods stay around for days, so one counts only while it can be why another is on its way.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.reading import (
    Pod,
    condition_of,
    is_going,
    is_true,
    name_of,
    node_of,
    one_line,
    phase_of,
    time_or_none,
)
from cosmos3_operator.status.words import said

_REPLACED_WITHIN = timedelta(minutes=10)
"""A ReplicaSet replaces a pod within seconds; with a quota or an outage, minutes: judgement."""

_DISRUPTED = "DisruptionTarget"


def ended_pod_finding(observation: Observation) -> Finding | None:
    """Return why the newest pod that was ended was ended, None if that does not matter any more."""
    ended = [pod for pod in observation.pods if phase_of(pod) == "Failed" or _preempted(pod)]
    if not ended or _is_past(ended[-1], observation):
        return None
    return _why(ended[-1])


def lost_finding(observation: Observation, pod: Pod) -> Finding | None:
    """Return that nothing is known of a pod because its node does not report, None if it does."""
    if not is_lost(observation, pod):
        return None
    node = node_of(pod)
    return Finding(
        reason=Reason.NODE_LOST,
        message=f"Node {node} does not report any more, so nothing is known about the pod on it",
        remedy="Repair the node, or delete it if it is gone for good "
        f"(`kubectl delete node {node}`). Kubernetes gives up the pod after five minutes; to have "
        "another at once, delete it with --force, if it certainly does not run any more",
        pod=name_of(pod),
    )


def is_lost(observation: Observation, pod: Pod) -> bool:
    """Tell whether what the pod says of itself is out of date."""
    return node_of(pod) in observation.lost_nodes or _was_given_up(pod)


def _was_given_up(pod: Pod) -> bool:
    """Tell a pod that the node controller declares not ready while its containers still say so.

    Otherwise only a readiness gate could do that, and then the kubelet names it.
    """
    if (pod.get("status") or {}).get("reason") == "NodeLost":
        return True
    ready = condition_of(pod, "Ready")
    return (
        ready.get("status") == "False"
        and not ready.get("reason")
        and is_true(pod, "ContainersReady")
    )


def _why(pod: Pod) -> Finding:
    status = pod.get("status") or {}
    text = str(status.get("message") or "")
    disrupted = str(condition_of(pod, _DISRUPTED).get("message") or "")
    for words in (text, disrupted):
        if found := said("ended_pod", words):
            return found.finding(evidence=words, pod=name_of(pod), node=node_of(pod) or "(unknown)")
    return Finding(
        reason=Reason.EVICTED,
        message=f"The previous pod was ended by its node ({status.get('reason') or 'Failed'})",
        evidence=one_line(text or disrupted),
        remedy="A new pod is on its way; if this repeats, raise what ran out: spec.cache.size, or "
        "the requests in spec.pod.resources",
        pod=name_of(pod),
    )


def _preempted(pod: Pod) -> bool:
    return is_going(pod) and condition_of(pod, _DISRUPTED).get("reason") == "PreemptionByScheduler"


def _is_past(pod: Pod, observation: Observation) -> bool:
    """Tell whether the pods that are on their way are too young to be the replacement."""
    end = _end_of(pod)
    others = [p for p in observation.pods if not is_going(p) and phase_of(p) != "Failed"]
    if end is None or not others:
        return False
    born = (time_or_none(p["metadata"].get("creationTimestamp")) for p in others)
    return all(moment is not None and moment > end + _REPLACED_WITHIN for moment in born)


def _end_of(pod: Pod) -> datetime | None:
    """Return when the pod was ended: its conditions change last then."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    times = (time_or_none(item.get("lastTransitionTime")) for item in conditions)
    return max((time for time in times if time), default=None)
