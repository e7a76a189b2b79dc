"""Keep of each watched object what the loop reads, and nothing else.

In: objects as the API server sends them. Out: small dictionaries that share their leaves with the
original. A thousand Deployments with managed fields are ten megabytes; trimmed they are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "labels",
    "annotations",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
)
_POD_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
)
_POD_STATUS = (
    "phase",
    "reason",
    "message",
    "startTime",
    "conditions",
    "containerStatuses",
    "initContainerStatuses",
)


def trim_resource(body: Mapping[str, Any]) -> dict[str, Any]:
    """Drop from one of our resources what nobody reads."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    if LAST_APPLIED in (annotations := metadata.get("annotations") or {}):
        metadata["annotations"] = {
            name: value for name, value in annotations.items() if name != LAST_APPLIED
        }
    return {**body, "metadata": metadata}


def trim_child(body: Mapping[str, Any]) -> dict[str, Any]:
    """Keep identity, labels, ownership and status, what a claim asks for, and what pods run.

    Of a Job's status only the end matters: its counts change with each attempt of its pod.
    """
    status = body.get("status") or {}
    return {
        **_spec_of_child(body),
        "apiVersion": body.get("apiVersion"),
        "kind": body.get("kind"),
        "metadata": _pick(body["metadata"], _METADATA),
        "status": _pick(status, ("conditions",)) if body.get("kind") == "Job" else status,
    }


def _spec_of_child(body: Mapping[str, Any]) -> dict[str, Any]:
    spec = body.get("spec") or {}
    if body.get("kind") == "PersistentVolumeClaim":
        return {"spec": _pick(spec, ("resources",))}
    if body.get("kind") != "Deployment":
        return {}
    containers = spec.get("template", {}).get("spec", {}).get("containers", ())
    kept = [_pick(container, ("name", "image")) for container in containers]
    return {
        "spec": {**_pick(spec, ("replicas",)), "template": {"spec": {"containers": kept}}},
    }


def trim_pod(body: Mapping[str, Any]) -> dict[str, Any]:
    """Keep identity, node, what it takes of the node, and what kubelet and scheduler say."""
    spec = body.get("spec") or {}
    return {
        "metadata": _pick(body["metadata"], _POD_METADATA),
        "spec": {
            **_pick(spec, ("nodeName",)),
            "containers": [
                {"resources": _pick(one.get("resources") or {}, ("limits",))}
                for one in spec.get("containers") or ()
            ],
        },
        "status": _pick(body.get("status") or {}, _POD_STATUS),
    }


def same_but_version(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two trimmed objects differ in nothing but their resourceVersion."""
    return (
        old.get("status") == new.get("status")
        and old.get("spec") == new.get("spec")
        and {**old["metadata"], "resourceVersion": None}
        == {**new["metadata"], "resourceVersion": None}
    )


def child_moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a trimmed child changed in a way that can matter.

    Without a generation, only the resourceVersion tells that a part changed which was trimmed off.
    """
    return "generation" not in new["metadata"] or not same_but_version(old, new)


def _pick(source: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: source[name] for name in names if name in source}
