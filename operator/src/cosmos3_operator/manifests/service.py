"""The Service in front of the pods."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.api.resource import Kind
from cosmos3_operator.manifests.metadata import Manifest, manifest
from cosmos3_operator.plan.names import selector_labels
from cosmos3_operator.plan.types import Plan

_DAY_SECONDS = 86400
"""The longest affinity that Kubernetes allows."""


def build_service(plan: Plan) -> Manifest:
    """Return the Service.

    Video jobs live in the memory of the pod that took them, so a Generator's clients stay on their
    pod. Only ready pods are reached: a pod that drains takes no new work.
    """
    spec: dict[str, Any] = {
        "type": "ClusterIP",
        "selector": selector_labels(plan.owner),
        "ports": [
            {
                "name": "http",
                "port": plan.service.port,
                "targetPort": "http",
                "protocol": "TCP",
                "appProtocol": "http",
            }
        ],
    }
    if plan.owner.kind is Kind.GENERATOR:
        spec["sessionAffinity"] = "ClientIP"
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _DAY_SECONDS}}
    return manifest(
        plan,
        api_version="v1",
        kind="Service",
        name=plan.owner.base,
        annotations=plan.service.annotations,
        body={"spec": spec},
    )
