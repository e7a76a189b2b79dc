"""The pod of a model server: what it may do, where it may run, what it mounts."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.manifests.affinity import affinity
from cosmos3_operator.manifests.container import server_container
from cosmos3_operator.manifests.devices import devices_container
from cosmos3_operator.manifests.volumes import volumes
from cosmos3_operator.plan.types import Plan


def pod_spec(plan: Plan) -> dict[str, Any]:
    """Return the pod spec."""
    pod = plan.pod
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        # A Service called vllm would inject VLLM_PORT, which the servers read as a number.
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": plan.drain.grace_seconds,
        "securityContext": _pod_security(plan),
        "tolerations": _tolerations(plan),
        "containers": [server_container(plan)],
        "volumes": volumes(plan),
    }
    placement = affinity(plan)
    first = [devices_container(plan)]
    optional: dict[str, Any] = {
        "initContainers": [container for container in first if container],
        "affinity": placement,
        "nodeSelector": dict(pod.node_selector),
        "priorityClassName": pod.priority_class_name,
        "runtimeClassName": pod.runtime_class_name,
        "imagePullSecrets": [{"name": item.name} for item in pod.image_pull_secrets],
    }
    return spec | {name: value for name, value in optional.items() if value}


def _pod_security(plan: Plan) -> dict[str, Any]:
    asked = plan.pod.security_context
    context: dict[str, Any] = {"seccompProfile": {"type": "RuntimeDefault"}}
    if asked.fs_group is not None:
        # The default walks the whole volume at each start: minutes on a cache full of weights.
        context["fsGroupChangePolicy"] = "OnRootMismatch"
    optional = {
        "runAsUser": asked.run_as_user,
        "runAsGroup": asked.run_as_group,
        "fsGroup": asked.fs_group,
        "runAsNonRoot": asked.run_as_non_root,
    }
    return context | {name: value for name, value in optional.items() if value is not None}


def _tolerations(plan: Plan) -> list[dict[str, Any]]:
    """Return the user's tolerations after the one for the usual taint of GPU nodes."""
    ours: dict[str, Any] = {
        "key": plan.gpu_resource,
        "operator": "Exists",
        "effect": "NoSchedule",
    }
    theirs = [item.model_dump(by_alias=True, exclude_none=True) for item in plan.pod.tolerations]
    return [ours, *(item for item in theirs if item != ours)]
