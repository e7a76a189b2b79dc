"""Taints of nodes, and whether a model's pod tolerates them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cosmos3_operator.plan.types import Plan

Taint = Mapping[str, Any]

OUT_OF_SERVICE: Mapping[str, str] = {
    "node.kubernetes.io/unschedulable": "it is cordoned",
    "node.kubernetes.io/not-ready": "it is not ready",
    "node.kubernetes.io/unreachable": "it does not report any more",
    "node.kubernetes.io/network-unavailable": "its network is not ready",
    "node.kubernetes.io/disk-pressure": "it is short of disk",
    "node.kubernetes.io/memory-pressure": "it is short of memory",
    "node.kubernetes.io/pid-pressure": "it is short of process numbers",
    "node.cloudprovider.kubernetes.io/uninitialized": "it is not set up yet",
}
"""Taints that Kubernetes sets itself, and what each says: to tolerate them helps nobody."""


def barring(plan: Plan, taints: Iterable[Taint]) -> Taint | None:
    """Return the first taint that keeps the model's pods away, None if none does."""
    hard = (taint for taint in taints if taint.get("effect") != "PreferNoSchedule")
    return next((taint for taint in hard if not _is_tolerated(plan, taint)), None)


def toleration(key: str, value: str = "") -> str:
    """Return what to write into spec.pod.tolerations."""
    if value:
        return f'{{key: "{key}", operator: Equal, value: "{value}"}}'
    return f'{{key: "{key}", operator: Exists}}'


def _is_tolerated(plan: Plan, taint: Taint) -> bool:
    theirs = (item.model_dump(by_alias=True, exclude_none=True) for item in plan.pod.tolerations)
    # Every pod of a model tolerates the usual taint of GPU nodes.
    ours = {"key": plan.gpu_resource, "operator": "Exists", "effect": "NoSchedule"}
    return any(_matches(item, taint) for item in (ours, *theirs))


def _matches(item: Mapping[str, Any], taint: Taint) -> bool:
    if item.get("effect") not in (None, "", taint.get("effect")):
        return False
    if item.get("key") not in (None, "", taint.get("key")):
        return False
    if item.get("operator") == "Exists":
        return True
    return bool(item.get("key")) and (item.get("value") or "") == (taint.get("value") or "")
