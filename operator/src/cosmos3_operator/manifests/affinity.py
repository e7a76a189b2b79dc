"""Where a pod may run: the user's rules, and those that spec.gpu and the image imply.

An image does not start on a driver older than its CUDA, nor a model on a GPU that lacks its
instructions. Both are kept away by `NotIn`, which also matches nodes without the label: a cluster
without GPU feature discovery works as before, and no rule depends on which nodes there are.
"""

from __future__ import annotations

from typing import Any

from cosmos3_operator.plan.types import Plan

_PRODUCT = "nvidia.com/gpu.product"
_MEMORY = "nvidia.com/gpu.memory"
_CUDA = ("nvidia.com/cuda.runtime-version.major", "nvidia.com/cuda.runtime.major")
"""GPU feature discovery sets both and calls the second deprecated (NVIDIA/k8s-device-plugin,
internal/lm); older releases know only that."""
_COMPUTE = "nvidia.com/gpu.compute.major"
_OLDEST_CUDA = 9
"""NVIDIA's device plugin needs driver 384.81 or newer, which is CUDA 9."""
_OLDEST_COMPUTE = 3
"""Kepler; CUDA 9 supports nothing older."""

Conditions = list[dict[str, Any]]

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def affinity(plan: Plan) -> dict[str, Any]:
    """Return the pod's affinity, {} if there are no rules."""
    asked = plan.pod.affinity
    rules: dict[str, Any] = (
        asked.model_dump(by_alias=True, exclude_none=True) if asked is not None else {}
    )
    implied = _implied(plan)
    if any(implied):
        node = rules.setdefault("nodeAffinity", {})
        node[_REQUIRED] = {"nodeSelectorTerms": _with_each(_terms(node), implied)}
    return {name: rule for name, part in rules.items() if (rule := _without_empty(part))}


def _implied(plan: Plan) -> list[Conditions]:
    """Return the conditions on node labels that follow from the plan, as alternatives.

    There are two where a named CUDA line must be found under one of two labels.
    """
    found: Conditions = []
    if plan.gpu_products:
        found.append({"key": _PRODUCT, "operator": "In", "values": list(plan.gpu_products)})
    if plan.gpu_min_memory_mib:
        at_least = str(plan.gpu_min_memory_mib - 1)
        found.append({"key": _MEMORY, "operator": "Gt", "values": [at_least]})
    if capability := plan.gpu_compute_capability:
        found += _not_below(int(capability.partition(".")[0]), since=_OLDEST_COMPUTE, key=_COMPUTE)
    if not plan.runtime.cuda:
        return [found]
    cuda = int(plan.runtime.cuda)
    if plan.runtime.cuda_pinned:
        return [[*found, _above(cuda - 1, key=key)] for key in _CUDA]
    for key in _CUDA:
        found += _not_below(cuda, since=_OLDEST_CUDA, key=key)
    return [found]


def _above(number: int, *, key: str) -> dict[str, Any]:
    """Return the condition that a label is there and above a number."""
    return {"key": key, "operator": "Gt", "values": [str(number)]}


def _not_below(number: int, *, since: int, key: str) -> Conditions:
    """Return the condition that a label, where there is one, is not below a number."""
    values = [str(older) for older in range(since, number)]
    return [{"key": key, "operator": "NotIn", "values": values}] if values else []


def _terms(node: dict[str, Any]) -> list[dict[str, Any]]:
    return node.get(_REQUIRED, {}).get("nodeSelectorTerms") or [{"matchExpressions": []}]


def _with_each(terms: list[dict[str, Any]], alternatives: list[Conditions]) -> list[dict[str, Any]]:
    """Terms are alternatives too, so each one gets every condition of each."""
    return [
        {"matchExpressions": [*term["matchExpressions"], *conditions]}
        for term in terms
        for conditions in alternatives
    ]


def _without_empty(value: Any) -> Any:
    """Drop empty lists and maps, which say nothing, but for a selector: {} selects every pod."""
    if isinstance(value, dict):
        pruned = {name: _without_empty(part) for name, part in value.items()}
        return {
            name: part
            for name, part in pruned.items()
            if part not in ({}, []) or name == "labelSelector"
        }
    if isinstance(value, list | tuple):
        return [_without_empty(part) for part in value]
    return value
