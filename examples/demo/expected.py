"""What each resource of the demo must become, and how to tell.

In: objects as kubectl prints them. Out: verdicts. Pure, so that a wrong state cannot look right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The right end of one resource."""

    kind: str
    name: str
    ready: str
    reason: str
    gpus: int
    """GPUs of its pod, as the pod itself asks for them."""
    says: str
    """What the message of Ready must contain."""
    access: str = ""
    """Reason of HubAccess; "" where the hub is not asked, since no token is named."""


EXPECTED = (
    Expected(
        kind="CosmosGenerator",
        name="super",
        ready="True",
        reason="Serving",
        gpus=8,
        says="8 GPUs",
        access="AccessGranted",
    ),
    Expected(
        kind="CosmosReasoner", name="nano", ready="True", reason="Serving", gpus=1, says="1 GPU"
    ),
    Expected(
        kind="CosmosGenerator",
        name="too-large",
        ready="False",
        reason="NoNodeFits",
        gpus=16,
        says="8 GPUs short",
    ),
)


def ready_of(resource: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the Ready condition, {} before there is one."""
    return _condition(resource, "Ready")


def _condition(resource: Mapping[str, Any], type_: str) -> Mapping[str, str]:
    conditions = resource.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == type_), {})


def is_settled(expected: Expected, resource: Mapping[str, Any]) -> bool:
    """Tell whether a resource has reached its end."""
    ready = ready_of(resource)
    return (
        ready.get("status") == expected.ready
        and ready.get("reason") == expected.reason
        and expected.says in ready.get("message", "")
        and expected.access == _condition(resource, "HubAccess").get("reason", "")
        and resource["status"].get("observedGeneration") == resource["metadata"]["generation"]
    )


def wrong_pods(expected: Expected, pods: list[Mapping[str, Any]]) -> str | None:
    """Return what is wrong with a resource's pods, None if they are as they must be."""
    if len(pods) != 1:
        return f"{expected.name}: {len(pods)} pods instead of 1"
    limits = pods[0]["spec"]["containers"][0]["resources"]["limits"]
    if limits.get("nvidia.com/gpu") != str(expected.gpus):
        return f"{expected.name}: its pod asks for {limits} instead of {expected.gpus} GPUs"
    bound = bool(pods[0]["spec"].get("nodeName"))
    if bound != (expected.ready == "True"):
        return f"{expected.name}: its pod is {'' if bound else 'not '}on a node"
    return None
