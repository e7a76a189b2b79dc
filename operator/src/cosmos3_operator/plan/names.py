"""How children are found: the labels that select pods, and the URL of the API."""

from __future__ import annotations

from cosmos3_operator.plan.types import Owner, Plan

MANAGED_BY = "cosmos3-operator"


def selector_labels(owner: Owner) -> dict[str, str]:
    """Return the labels that find the pods of a resource; they can never change."""
    return {
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "app.kubernetes.io/component": owner.component,
        "app.kubernetes.io/instance": owner.name,
    }


def endpoint(plan: Plan) -> str:
    """Return the URL of the API within the cluster."""
    return f"http://{plan.owner.base}.{plan.owner.namespace}.svc:{plan.service.port}"
