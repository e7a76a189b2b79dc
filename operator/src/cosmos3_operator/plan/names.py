"""How children and pods are found: the labels that every part agrees on."""

from __future__ import annotations

from cosmos3_operator.plan.types import Owner

MANAGER = "cosmos3-operator"
"""Field manager of everything that is applied, and the value of the managed-by label."""
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
INSTANCE = "app.kubernetes.io/instance"

CUDA_DECISION = "serving.cosmos3.io/cuda"
"""Annotation of the Deployment, not of its pods: the CUDA line that Auto has decided on."""


def selector_labels(owner: Owner) -> dict[str, str]:
    """Return the labels that find the pods of a resource; they can never change."""
    return {
        MANAGED_BY: MANAGER,
        COMPONENT: owner.component,
        INSTANCE: owner.name,
    }
