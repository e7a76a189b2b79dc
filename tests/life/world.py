"""What the observer has seen of one namespace and of the nodes.

In: watch events. Out: for each resource of ours its Deployment, the newest ReplicaSet of that and
the pods under its name. It knows Kubernetes and the labels that users see, and shares no code with
the operator: who checks a claim must not look through the eyes of who makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Body = Mapping[str, Any]

COMPONENTS = {"CosmosGenerator": "generator", "CosmosReasoner": "reasoner"}
EDITION = "life.cosmos3.io/edition"
"""Annotation of pods that a script changes with each change of the spec: tells which spec it is."""
_COMPONENT = "app.kubernetes.io/component"
_INSTANCE = "app.kubernetes.io/instance"
_REVISION = "deployment.kubernetes.io/revision"


class Name(NamedTuple):
    """What a resource of ours is called."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that a watch said. `type` is ADDED, MODIFIED or DELETED."""

    type: str
    kind: str
    body: Body

    @property
    def uid(self) -> str:
        """Return which object it is about."""
        return str(self.body["metadata"]["uid"])


class World:
    """Objects by kind and uid."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Body]] = {}

    def see(self, event: Event) -> Body | None:
        """Take in an event; returns what was known of the object before."""
        known = self._objects.setdefault(event.kind, {})
        if event.type == "DELETED":
            return known.pop(event.uid, None)
        before = known.get(event.uid)
        known[event.uid] = event.body
        return before

    def all(self, kind: str) -> list[Body]:
        """Return all objects of a kind."""
        return list(self._objects.get(kind, {}).values())

    def resource(self, name: Name) -> Body | None:
        """Return the resource that has this name now."""
        found = [r for r in self.all(name.kind) if r["metadata"]["name"] == name.name]
        return max(found, key=lambda r: int(r["metadata"]["resourceVersion"]), default=None)

    def deployment(self, resource: Body) -> Body | None:
        """Return the Deployment that this very resource controls."""
        return next(self._owned("Deployment", resource), None)

    def newest_set(self, deployment: Body) -> Body | None:
        """Return the ReplicaSet of the Deployment's newest revision."""
        sets = list(self._owned("ReplicaSet", deployment))
        return max(sets, key=_revision, default=None)

    def pods(self, name: Name) -> list[Body]:
        """Return the pods that the Service of this name could find, and have not ended."""
        return [
            pod
            for pod in self.all("Pod")
            if name_of_pod(pod) == name
            and (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")
        ]

    def is_alive(self, node: str) -> bool:
        """Tell whether a node exists and answers, as far as the API server knows."""
        found = next((n for n in self.all("Node") if n["metadata"]["name"] == node), None)
        return found is not None and condition(found, "Ready").get("status") == "True"

    def concerned(self, event: Event) -> set[Name]:
        """Return the resources whose truth or claim an event may change."""
        body = event.body
        if event.kind in COMPONENTS:
            return {Name(event.kind, body["metadata"]["name"])}
        if event.kind == "Pod":
            name = name_of_pod(body)
            return {name} if name else set()
        if event.kind == "Node":
            node = body["metadata"]["name"]
            return set(
                filter(None, (name_of_pod(pod) for pod in self.all("Pod") if node_of(pod) == node))
            )
        name = name_of_labels(body)
        return {name} if name else set()

    def _owned(self, kind: str, owner: Body) -> Iterator[Body]:
        uid = owner["metadata"]["uid"]
        for body in self.all(kind):
            if controller(body).get("uid") == uid:
                yield body


def controller(body: Body) -> Body:
    """Return who controls an object, {} if nobody does."""
    owners = body["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def name_of_labels(body: Body) -> Name | None:
    """Return which resource an object says that it is for."""
    labels = body["metadata"].get("labels") or {}
    for kind, component in COMPONENTS.items():
        if labels.get(_COMPONENT) == component and labels.get(_INSTANCE):
            return Name(kind, labels[_INSTANCE])
    return None


name_of_pod = name_of_labels


def node_of(pod: Body) -> str:
    """Return the node of a pod, "" if it has none."""
    return str((pod.get("spec") or {}).get("nodeName") or "")


def condition(body: Body, type_: str) -> Body:
    """Return one condition, {} if absent."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == type_), {})


def edition(annotations: Body | None) -> str:
    """Return which edition of a spec annotations belong to."""
    return str((annotations or {}).get(EDITION, ""))


def _revision(body: Body) -> int:
    return int((body["metadata"].get("annotations") or {}).get(_REVISION, 0))
