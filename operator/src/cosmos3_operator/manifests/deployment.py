"""The Deployment: strategy, deadlines and the pod template."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.manifests.metadata import Manifest, labels, manifest
from cosmos3_operator.manifests.pod import pod_spec
from cosmos3_operator.plan.names import ACCESS, RUNTIME_NOTE, selector_labels
from cosmos3_operator.plan.types import Plan

_PROGRESS_MARGIN_SECONDS = 600
"""Scheduling and image pull, beyond start-up budget and drain."""


def build_deployment(plan: Plan) -> Manifest:
    """Return the Deployment."""
    pod = plan.pod
    metadata: dict[str, Any] = {"labels": {**pod.labels, **labels(plan.owner)}}
    if pod.annotations:
        metadata["annotations"] = dict(pod.annotations)
    return manifest(
        plan,
        api_version="apps/v1",
        kind="Deployment",
        name=plan.owner.base,
        annotations=_annotations(plan),
        body={
            "spec": {
                "replicas": plan.replicas,
                "revisionHistoryLimit": 3,
                "progressDeadlineSeconds": _progress_deadline(plan),
                "selector": {"matchLabels": selector_labels(plan.owner)},
                "strategy": _strategy(plan),
                "template": {"metadata": metadata, "spec": pod_spec(plan)},
            }
        },
    )


def _annotations(plan: Plan) -> dict[str, str]:
    """Return what was decided for good, and what its pods need of the hub.

    Without pods it needs nothing of the hub, and proves nothing.
    """
    found = {RUNTIME_NOTE: plan.runtime.note}
    if plan.access is None or plan.replicas == 0:
        return found
    return found | {ACCESS: plan.access.fingerprint}


def _progress_deadline(plan: Plan) -> int:
    """Return a deadline that cannot fire while a pod drains and its successor loads."""
    return plan.startup.budget_seconds + plan.drain.grace_seconds + _PROGRESS_MARGIN_SECONDS


def _strategy(plan: Plan) -> dict[str, Any]:
    """Return a strategy that never waits for GPUs which its own old pods hold."""
    if plan.max_surge:
        return {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": plan.max_surge, "maxUnavailable": 0},
        }
    if plan.replicas <= 1:
        return {"type": "Recreate"}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
