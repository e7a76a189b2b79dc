"""The kinds this operator reads and writes, and how one object points to another.

In: nothing. Out: resource types, label names and `Key`, which the rest of the loop shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cosmos3_operator.api.resource import GROUP, VERSION, Kind, plural
from cosmos3_operator.cluster.types import ResourceType
from cosmos3_operator.plan.names import COMPONENT, INSTANCE, MANAGED_BY, MANAGER, access_component

SELECTOR = f"{MANAGED_BY}={MANAGER}"

_SERVERS = {"generator": Kind.GENERATOR, "reasoner": Kind.REASONER}
COMPONENTS: Mapping[str, Kind] = _SERVERS | {
    access_component(component): kind for component, kind in _SERVERS.items()
}

NODES = ResourceType(group="", version="v1", kind="Node", plural="nodes", namespaced=False)
PODS = ResourceType(group="", version="v1", kind="Pod", plural="pods")
EVENTS = ResourceType(group="", version="v1", kind="Event", plural="events")

RESOURCES: Mapping[str, ResourceType] = {
    kind: ResourceType(group=GROUP, version=VERSION, kind=kind, plural=plural(kind))
    for kind in Kind
}

CHILDREN: Mapping[str, ResourceType] = {
    child.kind: child
    for child in (
        ResourceType(group="", version="v1", kind="ConfigMap", plural="configmaps"),
        ResourceType(
            group="", version="v1", kind="PersistentVolumeClaim", plural="persistentvolumeclaims"
        ),
        ResourceType(group="", version="v1", kind="Service", plural="services"),
        ResourceType(
            group="networking.k8s.io",
            version="v1",
            kind="NetworkPolicy",
            plural="networkpolicies",
        ),
        ResourceType(group="batch", version="v1", kind="Job", plural="jobs"),
        ResourceType(group="apps", version="v1", kind="Deployment", plural="deployments"),
    )
}


class Key(NamedTuple):
    """Names one of our resources in the cluster."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Return the key as people write it."""
        return f"{self.kind} {self.namespace}/{self.name}"


__all__ = [
    "CHILDREN",
    "COMPONENT",
    "COMPONENTS",
    "EVENTS",
    "INSTANCE",
    "MANAGED_BY",
    "MANAGER",
    "NODES",
    "PODS",
    "RESOURCES",
    "SELECTOR",
    "Key",
]
