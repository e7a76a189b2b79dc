"""Where a pod may run: the user's rules, and those that spec.gpu implies."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.plan.types import Plan

_PRODUCT = "nvidia.com/gpu.product"
_MEMORY = "nvidia.com/gpu.memory"
_CUDA = "nvidia.com/cuda.runtime.major"

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def affinity(plan: Plan) -> dict[str, Any]:
    """Return the pod's affinity, {} if there are no rules."""
    asked = plan.pod.affinity
    rules: dict[str, Any] = (
        asked.model_dump(by_alias=True, exclude_none=True) if asked is not None else {}
    )
    implied = _implied(plan)
    if implied:
        node = rules.setdefault("nodeAffinity", {})
        node[_REQUIRED] = {"nodeSelectorTerms": _with_all(_terms(node), implied)}
    return {name: rule for name, part in rules.items() if (rule := _without_empty(part))}


def _implied(plan: Plan) -> list[dict[str, Any]]:
    """Return the conditions on node labels that follow from the plan."""
    found: list[dict[str, Any]] = []
    if plan.gpu_products:
        found.append({"key": _PRODUCT, "operator": "In", "values": list(plan.gpu_products)})
    if plan.gpu_min_memory_mib:
        at_least = str(plan.gpu_min_memory_mib - 1)
        found.append({"key": _MEMORY, "operator": "Gt", "values": [at_least]})
    if plan.runtime.cuda_pinned:
        at_least = str(int(plan.runtime.cuda) - 1)
        found.append({"key": _CUDA, "operator": "Gt", "values": [at_least]})
    return found


def _terms(node: dict[str, Any]) -> list[dict[str, Any]]:
    return node.get(_REQUIRED, {}).get("nodeSelectorTerms") or [{"matchExpressions": []}]


def _with_all(
    terms: list[dict[str, Any]], conditions: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Terms are alternatives, so each one gets every condition."""
    return [{"matchExpressions": [*term["matchExpressions"], *conditions]} for term in terms]


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
