"""Names, labels and owner references of children."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos3_operator.api.resource import API_VERSION
from cosmos3_operator.plan.names import selector_labels
from cosmos3_operator.plan.types import Owner, Plan

Manifest = dict[str, Any]


def labels(owner: Owner) -> dict[str, str]:
    """Labels of every child."""
    return selector_labels(owner) | {
        "app.kubernetes.io/name": f"cosmos3-{owner.component}",
        "app.kubernetes.io/part-of": "cosmos3",
    }


def manifest(
    plan: Plan,
    *,
    api_version: str,
    kind: str,
    name: str,
    body: Mapping[str, Any],
    annotations: Mapping[str, str] | None = None,
    component_labels: Mapping[str, str] | None = None,
    owned: bool = True,
) -> Manifest:
    """Return a whole object: identity, labels, owner and body.

    `component_labels` are for what belongs to no server.
    """
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": plan.owner.namespace,
        "labels": labels(plan.owner) | dict(component_labels or {}),
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    if owned:
        metadata["ownerReferences"] = [owner_reference(plan.owner)]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def owner_reference(owner: Owner) -> dict[str, Any]:
    """Return the reference by which a child is collected together with its owner."""
    return {
        "apiVersion": API_VERSION,
        "kind": str(owner.kind),
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
