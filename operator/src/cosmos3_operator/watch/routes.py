"""Say which of our resources an object belongs to.

In: a resource, a child or a pod. Out: its key, or None. Pure. The controller reference decides;
pods, which a ReplicaSet controls, and volume claims that outlive their resource, have labels only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos3_operator.reconcile.kinds import COMPONENT, COMPONENTS, INSTANCE, RESOURCES, Key
from cosmos3_operator.reconcile.ownership import controller_of


def key_of_resource(body: Mapping[str, Any]) -> Key:
    """Return the key of one of our own resources."""
    metadata = body["metadata"]
    return Key(body["kind"], metadata["namespace"], metadata["name"])


def key_of_owner(body: Mapping[str, Any]) -> Key | None:
    """Return the key of the resource that a child or pod belongs to."""
    namespace = body["metadata"].get("namespace")
    if namespace is None:
        return None
    controller = controller_of(body)
    if controller is not None and _is_ours(controller):
        return Key(controller["kind"], namespace, controller["name"])
    labels = body["metadata"].get("labels") or {}
    kind, name = COMPONENTS.get(labels.get(COMPONENT, "")), labels.get(INSTANCE)
    return Key(kind, namespace, name) if kind and name else None


def _is_ours(controller: Mapping[str, Any]) -> bool:
    kind = RESOURCES.get(str(controller.get("kind")))
    group, _, _ = str(controller.get("apiVersion")).partition("/")
    return kind is not None and group == kind.group
