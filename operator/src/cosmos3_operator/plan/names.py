"""How children and pods are found: the labels that every part agrees on."""

from __future__ import annotations

from collections.abc import Mapping

from cosmos3_operator.api.resource import GROUP
from cosmos3_operator.plan.types import Owner

MANAGER = "cosmos3-operator"
"""Field manager of everything that is applied, and the value of the managed-by label."""
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
INSTANCE = "app.kubernetes.io/instance"
ACCESS = f"{GROUP}/access"
"""Annotation of a Deployment: what its servers need of the hub, as `AccessPlan.fingerprint`."""
ACCESS_CONTAINER = "access"
"""Name of the container that asks the hub."""

RUNTIME_NOTE = f"{GROUP}/runtime"
"""Annotation of the Deployment, not of its pods: the runtime that was decided on, as `Note`."""
CUDA_NOTE = f"{GROUP}/cuda"
"""What stood in its place before: the CUDA line alone. Read, never written."""


def selector_labels(owner: Owner) -> dict[str, str]:
    """Return the labels that find the pods of a resource; they can never change."""
    return {
        MANAGED_BY: MANAGER,
        COMPONENT: owner.component,
        INSTANCE: owner.name,
    }


def access_component(component: str) -> str:
    """Return the component of whatever asks the hub: no selector of servers finds it."""
    return f"{component}-access"


def access_labels(owner: Owner) -> dict[str, str]:
    """Return the labels that find the Job and the pod that ask the hub for a resource."""
    return selector_labels(owner) | {COMPONENT: access_component(owner.component)}


def is_access(labels: Mapping[str, str]) -> bool:
    """Tell a pod that asks the hub from a server."""
    return labels.get(COMPONENT, "").endswith(access_component(""))
