"""Why a pod has no node.

In: what the scheduler says, which GPUs are free on which node, the pod's claims. Out: a finding.
The scheduler counts nodes by the first thing that each of them lacks, so its sentence changes as
nodes come and go, and in a cluster with nodes of all sorts most of it is beside the point: it is
taken apart, counts are left out, and that part decides which only a nearly fitting node can cause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.types import Plan, Verdict
from cosmos3_operator.status.claims import claim_finding
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.inventory import by_inventory, gpus_suffice
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.reading import (
    Pod,
    condition_of,
    is_scheduled,
    name_of,
    one_line,
    time_or_none,
)
from cosmos3_operator.status.taints import toleration
from cosmos3_operator.status.words import Said, rules

NODES_RETRY_SECONDS = 60.0
"""Nodes are not watched, so a better answer is looked for now and then."""
VOLUME_SECONDS = 30.0
"""Judgement: volumes of network storage are made within seconds; before that, waiting for one is
no trouble, and an alarm at each first start would be one too many."""

_COUNTED = re.compile(r", (?=\d+ )")
_COUNT = re.compile(r"^\d+ ")
_TAINT = re.compile(r"(?:untolerated taint|had taint) \{([^:}]+): ?([^}]*)\}")


def parts_of(text: str) -> tuple[str, ...]:
    """Take the scheduler's sentence apart: what nodes lack, without counts, in a fixed order.

    What it adds about preemption and resource claims never says what to do.
    """
    _, colon, rest = text.partition("nodes are available: ")
    first = (rest if colon else text).partition(". ")[0].rstrip(".")
    parts = {_COUNT.sub("", part).strip() for part in _COUNTED.split(first)}
    return tuple(sorted(part for part in parts if part))


def unscheduled_words(pod: Pod) -> str:
    """Return what the scheduler says about a pod that no node takes, "" if it does not say so."""
    scheduled = condition_of(pod, "PodScheduled")
    if is_scheduled(pod) or scheduled.get("reason") != "Unschedulable":
        return ""
    return _words(scheduled) or "it does not say why"


def scheduling_finding(plan: Plan, observation: Observation, pod: Pod) -> Finding | None:
    """Return why the pod has no node, None if it has one."""
    if is_scheduled(pod):
        return None
    scheduled = condition_of(pod, "PodScheduled")
    reason = scheduled.get("reason")
    if reason == "Unschedulable":
        return _unschedulable(plan, observation, pod, scheduled)
    if reason == "SchedulingGated":
        return Finding(
            reason=Reason.SCHEDULING,
            message="A scheduling gate holds the pod back, as queues for jobs set them",
            remedy="Look at what set it (`kubectl get pod -o yaml`, spec.schedulingGates); it "
            "starts when that lets it go",
            pod=name_of(pod),
        )
    if reason == "SchedulerError":
        return _failed(plan, observation, pod, str(scheduled.get("message") or ""))
    return Finding(reason=Reason.SCHEDULING, message="Waiting for the scheduler", pod=name_of(pod))


def _failed(plan: Plan, observation: Observation, pod: Pod, text: str) -> Finding:
    """Report what went wrong while a node was being taken: nearly always a volume."""
    return claim_finding(plan, observation, is_new=False) or Finding(
        reason=Reason.SCHEDULING,
        message="The scheduler has found a node, and failed to give it to the pod",
        evidence=one_line(text),
        remedy="It tries again by itself; if it lasts, see the log of the scheduler",
        pod=name_of(pod),
        requeue_after=NODES_RETRY_SECONDS,
    )


def _unschedulable(
    plan: Plan, observation: Observation, pod: Pod, scheduled: Mapping[str, Any]
) -> Finding:
    parts = parts_of(str(scheduled.get("message") or ""))
    known: dict[str, Any] = {
        "evidence": f"the scheduler: {_words(scheduled)}" if parts else "",
        "pod": name_of(pod),
        "requeue_after": NODES_RETRY_SECONDS,
    }
    if plan.placement.verdict in (Verdict.TOO_LARGE, Verdict.NO_MATCH):
        words = plan.placement.message
        return Finding(reason=Reason.NO_NODE_FITS, message=words[:1].upper() + words[1:], **known)
    is_new = _is_new(scheduled, observation.now)
    cause = _cause(plan, observation, parts, is_new=is_new)
    if is_new:
        known["requeue_after"] = VOLUME_SECONDS
    return replace(cause, **{**known, "evidence": cause.evidence or known["evidence"]})


def _is_new(scheduled: Mapping[str, Any], now: datetime | None) -> bool:
    """Tell whether the pod has found no node for so short that a volume may still be on its way."""
    since = time_or_none(scheduled.get("lastTransitionTime"))
    return bool(now and since and now - since < timedelta(seconds=VOLUME_SECONDS))


def _cause(plan: Plan, observation: Observation, parts: Sequence[str], *, is_new: bool) -> Finding:
    found = decisive(_to_the_point(plan, observation, parts), gpu_resource=plan.gpu_resource)
    if found is None:
        return _unknown()
    if found.rule.reason is Reason.VOLUME_NOT_BOUND:
        told = claim_finding(plan, observation, is_new=is_new)
        is_on_its_way = is_new and found.rule.name == "claim-unbound"
        return told or (_volume_awaited() if is_on_its_way else _finding(plan, found, parts))
    if found.rule.name == "neighbours":
        return _finding(plan, found, parts)
    return by_inventory(plan, observation, parts=parts) or _finding(plan, found, parts)


def _to_the_point(plan: Plan, observation: Observation, parts: Sequence[str]) -> Sequence[str]:
    """Leave out the lack of GPUs, which nodes without any always have, where it is not the lack.

    That is where a node has enough of them, and some node lacks something else.
    """
    others = [part for part in parts if part != f"Insufficient {plan.gpu_resource}"]
    lacks_else = any(part.startswith(("Insufficient ", "Too many pods")) for part in others)
    return others if lacks_else and gpus_suffice(plan, observation) else parts


def decisive(parts: Sequence[str], *, gpu_resource: str) -> Said | None:
    """Return the first rule that any part fulfils, in the order of the rules."""
    for rule in rules()["scheduler"]:
        for part in parts:
            if found := rule.pattern.search(part):
                groups = {name: value or "" for name, value in found.groupdict().items()}
                if rule.name == "insufficient-gpus" and groups["resource"] != gpu_resource:
                    continue
                return Said(rule=rule, groups=groups)
    return None


def _finding(plan: Plan, found: Said, parts: Sequence[str]) -> Finding:
    taints = sorted({match.groups() for part in parts for match in _TAINT.finditer(part)})
    named = [taint for taint in taints if taint[0] == found.groups.get("key")] or taints
    return found.finding(
        evidence="",
        gpus=f"{plan.gpus.world_size} {plan.gpu_resource}",
        taints=", ".join(f"{key}={value}" if value else key for key, value in named),
        toleration=toleration(*named[0]) if named else "",
    )


def _volume_awaited() -> Finding:
    return Finding(
        reason=Reason.SCHEDULING,
        message="A claim of the pod waits for its volume, which takes a moment when it is new",
    )


def _unknown() -> Finding:
    return Finding(
        reason=Reason.SCHEDULING,
        message="No node takes the pod",
        remedy="Make a node acceptable: spec.pod.tolerations, nodeSelector, affinity, resources",
    )


def _words(scheduled: Mapping[str, Any]) -> str:
    return one_line("; ".join(parts_of(str(scheduled.get("message") or ""))))
