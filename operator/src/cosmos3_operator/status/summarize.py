"""Plan and observation → the status that users, kubectl, Argo CD and Flux read.

Pure: the clock comes in as `now`, the previous status keeps transition times true. Conditions
follow kstatus: Reconciling and Stalled are present only while they are true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cosmos3_operator.api.conditions import ConditionType, Reason
from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.resource import Resource
from cosmos3_operator.plan.names import selector_labels
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.access import access_finding, is_held
from cosmos3_operator.status.checks import deployment_of, findings, is_observed, ready_replicas
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.pods import live_pods
from cosmos3_operator.status.progress import startup
from cosmos3_operator.status.ranking import without_count
from cosmos3_operator.status.reading import is_scheduled
from cosmos3_operator.status.steady import as_before


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The whole status, and when to look again."""

    status: dict[str, Any]
    requeue_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Condition:
    type: ConditionType
    status: str
    reason: Reason
    message: str


def summarize(
    resource: Resource, plan: Plan, observation: Observation, *, now: datetime
) -> Summary:
    """Return the status of a resource that has a plan."""
    previous = _previous(resource.status)
    observation = replace(observation, previous=previous, now=now)
    found = as_before(findings(plan, observation), previous)
    finding = found[0]
    live = deployment_of(plan, observation).get("status") or {}
    conditions = [
        *_readiness(finding),
        _accepted(finding),
        *_hub_access(plan, observation),
        _gpus_available(plan, observation, found),
        *_guardrails(plan, observation),
    ]
    status = {
        "observedGeneration": resource.generation,
        "conditions": _dated(conditions, resource.generation, resource.status, now),
        "replicas": live.get("replicas", 0),
        "readyReplicas": ready_replicas(plan, observation, serves=finding.ready),
        "selector": ",".join(f"{k}={v}" for k, v in sorted(selector_labels(plan.owner).items())),
        "endpoint": plan.endpoint,
        **_findings(found),
        "plan": _plan(plan),
    }
    if starting := startup(
        plan, observation, now=now, previous=resource.status.get("startup") or {}
    ):
        status["startup"] = starting
    waits = [one.requeue_after for one in found]
    return Summary(status=status, requeue_after=min(filter(None, waits), default=None))


def summarize_invalid(
    body: Mapping[str, Any], error: Invalid, *, observation: Observation, now: datetime
) -> Summary:
    """Return the status of a resource that cannot be served as it is written.

    What runs for an older generation is left alone, and still counted.
    """
    metadata = body.get("metadata") or {}
    generation = int(metadata.get("generation") or 0)
    previous = body.get("status") or {}
    message = "; ".join(map(str, error.errors))
    finding = Finding(reason=Reason.INVALID_SPEC, message=message, stalled=True)
    conditions = [*_readiness(finding), _accepted(finding)]
    kept = {name: previous[name] for name in ("selector", "endpoint") if name in previous}
    deployments = [child for ref, child in observation.children.items() if ref.kind == "Deployment"]
    live = (deployments[0].get("status") or {}) if deployments else {}
    return Summary(
        status={
            "observedGeneration": generation,
            "conditions": _dated(conditions, generation, previous, now),
            "replicas": live.get("replicas", 0),
            "readyReplicas": live.get("readyReplicas", 0),
            **kept,
            **_findings([finding]),
        }
    )


def summarize_failure(body: Mapping[str, Any], error: Exception, *, now: datetime) -> Summary:
    """Return the status when the operator itself failed: a bug, and nothing is known for certain.

    Everything else in the status stays as it was last known.
    """
    generation = int((body.get("metadata") or {}).get("generation") or 0)
    previous = body.get("status") or {}
    message = (
        f"The operator failed on this resource ({type(error).__name__}: {error}) and tries again; "
        "what runs is left alone. This is a bug: its log has the details"
    )
    conditions = [
        _Condition(type=type_, status=status, reason=Reason.INTERNAL_ERROR, message=message)
        for type_, status in (
            (ConditionType.READY, "Unknown"),
            (ConditionType.RECONCILING, "True"),
        )
    ]
    return Summary(status={**previous, "conditions": _dated(conditions, generation, previous, now)})


def _findings(found: Sequence[Finding]) -> dict[str, Any]:
    """Return what keeps it from serving, for status.findings; nothing if it serves."""
    if found[0].ready:
        return {}
    return {"findings": [_finding(finding) for finding in found[:_MOST_FINDINGS]]}


def _finding(finding: Finding) -> dict[str, Any]:
    optional = {"evidence": finding.evidence, "remedy": finding.remedy}
    return {
        "reason": str(finding.reason),
        "message": _shortened(finding.message),
        **{name: _shortened(value) for name, value in optional.items() if value},
        **({"pod": finding.pod} if finding.pod else {}),
    }


def _previous(status: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {**item, "message": without_count(str(item.get("message")))}
        for item in status.get("findings") or ()
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_MOST_FINDINGS = 5
_LONGEST = 1024
"""As the schema of status.findings says."""


def _readiness(finding: Finding) -> Iterator[_Condition]:
    def condition(type_: ConditionType, *, holds: bool) -> _Condition:
        status = "True" if holds else "False"
        return _Condition(type=type_, status=status, reason=finding.reason, message=finding.text)

    yield condition(ConditionType.READY, holds=finding.ready)
    if finding.stalled:
        yield condition(ConditionType.STALLED, holds=True)
    elif not finding.ready:
        yield condition(ConditionType.RECONCILING, holds=True)


def _accepted(finding: Finding) -> _Condition:
    refused = (
        Reason.INVALID_SPEC,
        Reason.CHILD_REFUSED,
        Reason.NAME_TAKEN,
        Reason.RUNTIME_UNKNOWN,
    )
    if finding.reason in refused:
        return _Condition(
            type=ConditionType.ACCEPTED,
            status="False",
            reason=finding.reason,
            message=finding.text,
        )
    return _Condition(
        type=ConditionType.ACCEPTED,
        status="True",
        reason=Reason.VALID,
        message="The spec and everything made from it are valid",
    )


def _hub_access(plan: Plan, observation: Observation) -> Iterator[_Condition]:
    """Say what the hub said; nothing where nothing is to be asked."""
    finding = access_finding(plan, observation)
    if finding is None:
        return
    unknown = finding.reason in (Reason.CHECKING_ACCESS, Reason.NOT_CHECKED)
    yield _Condition(
        type=ConditionType.HUB_ACCESS,
        status="True" if finding.ready else "Unknown" if unknown else "False",
        reason=finding.reason,
        message=finding.text,
    )


_NO_GPUS = (
    Reason.INSUFFICIENT_GPUS,
    Reason.NO_NODE_FITS,
    Reason.NODES_TAINTED,
    Reason.NO_CUDA_DEVICE,
    Reason.TOO_FEW_DEVICES,
    Reason.DEVICE_BROKEN,
)


def _gpus_available(plan: Plan, observation: Observation, found: Sequence[Finding]) -> _Condition:
    status, reason, message = "Unknown", Reason.SCHEDULING, "No pod has asked for GPUs yet"
    lack = next((finding for finding in found if finding.reason in _NO_GPUS), None)
    pods = live_pods(observation)
    scheduled = sum(map(is_scheduled, pods))
    each = f"{plan.gpus.world_size} {plan.gpu_resource}"
    if plan.replicas == 0:
        reason, message = Reason.SCALED_TO_ZERO, "spec.replicas is 0: no GPU is asked for"
    elif is_held(plan, observation):
        reason, message = (
            found[0].reason,
            "No pod of this spec asks for GPUs before access is granted",
        )
    elif found[0].reason is Reason.RUNTIME_UNKNOWN:
        reason, message = found[0].reason, "No more pods ask for GPUs while the Deployment waits"
    elif lack:
        status, reason, message = "False", lack.reason, lack.text
    elif pods and scheduled >= plan.replicas:
        status, reason = "True", Reason.GPUS_ASSIGNED
        message = f"{each} for " + (
            "the pod" if plan.replicas == 1 else f"each of {plan.replicas} pods"
        )
    elif pods:
        message = f"Pods wait for a node with {each}"
    return _Condition(
        type=ConditionType.GPUS_AVAILABLE, status=status, reason=reason, message=message
    )


def _guardrails(plan: Plan, observation: Observation) -> Iterator[_Condition]:
    """Say what running servers do; nothing about those that are on their way."""
    if plan.guardrails is None:
        return
    live = deployment_of(plan, observation).get("status") or {}
    only_ours = is_observed(plan, observation) and (
        live.get("replicas", 0) == live.get("updatedReplicas", 0)
    )
    status, reason = "Unknown", Reason.NOT_RUNNING
    message = f"No server of this generation answers; asked for: {plan.guardrails}"
    if is_held(plan, observation) and not live.get("replicas"):
        pass
    elif not only_ours or is_held(plan, observation):
        reason = Reason.ROLLING_OUT
        message = f"Servers of an older generation may still answer; asked for: {plan.guardrails}"
    elif live.get("readyReplicas", 0):
        enabled = plan.guardrails.enabled
        status = "True" if enabled else "False"
        reason = Reason.ENABLED if enabled else Reason.DISABLED
        message = f"{plan.guardrails}, {plan.runtime.label}"
    yield _Condition(
        type=ConditionType.GUARDRAILS_IN_FORCE, status=status, reason=reason, message=message
    )


def _plan(plan: Plan) -> dict[str, Any]:
    status: dict[str, Any] = {
        "gpusPerReplica": plan.gpus.world_size,
        "split": plan.gpus.arithmetic,
        "reason": plan.gpus.reason,
        "runtime": plan.runtime.label,
        "image": plan.runtime.image,
        "memory": plan.memory.reason,
        "startupBudgetSeconds": plan.startup.budget_seconds,
        "drainSeconds": plan.drain.drain_seconds,
        "warnings": list(plan.warnings),
    }
    if plan.robot_endpoint:
        status["robotEndpoint"] = plan.robot_endpoint
    if plan.guardrails is not None:
        status["guardrails"] = str(plan.guardrails)
    return status


def _dated(
    conditions: list[_Condition], generation: int, previous: Mapping[str, Any], now: datetime
) -> list[dict[str, Any]]:
    """Return conditions with the time since when each has had its status."""
    before = {item.get("type"): item for item in previous.get("conditions") or ()}
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        {
            "type": str(item.type),
            "status": item.status,
            "reason": str(item.reason),
            "message": item.message[:4096],
            "lastTransitionTime": _since(item, before.get(str(item.type)), stamp),
            "observedGeneration": generation,
        }
        for item in conditions
    ]


def _since(condition: _Condition, before: Mapping[str, Any] | None, stamp: str) -> str:
    if before and before.get("status") == condition.status and before.get("lastTransitionTime"):
        return str(before["lastTransitionTime"])
    return stamp
