"""Histories made by hand, so that the judge itself can be judged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from life.referee import Referee
from life.world import EDITION, Event

WALL = 1_800_000_000.0
NAME = "nano"
LABELS = {
    "app.kubernetes.io/instance": NAME,
    "app.kubernetes.io/component": "generator",
}
DOCUMENTED = frozenset({"Serving", "Starting", "RollingOut", "ScaledToZero"})


class History:
    """One resource, its Deployment, its pods and a node; time goes on by itself."""

    def __init__(self, *, replicas: int = 1) -> None:
        self.referee = Referee(documented=DOCUMENTED)
        self.now = 0.0
        self._version = 0
        self.replicas, self.generation, self.edition, self.uid = replicas, 1, "1", "r1"
        self.status: dict[str, Any] = {}
        self.finalizers: list[str] = []
        self.managers: list[dict[str, Any]] = [
            {"manager": "cosmos3-operator", "subresource": "status"}
        ]
        self._see("Node", "node", {"status": {"conditions": [_true("Ready")]}})

    def passes(self, seconds: float) -> History:
        self.now += seconds
        return self

    def resource(self, type_: str = "MODIFIED", *, deleting: bool = False) -> History:
        """Show the resource as it is now."""
        metadata: dict[str, Any] = {
            "generation": self.generation,
            "finalizers": self.finalizers,
            "managedFields": self.managers,
        }
        if deleting:
            metadata["deletionTimestamp"] = _stamp(WALL)
        spec = {"replicas": self.replicas, "pod": {"annotations": {EDITION: self.edition}}}
        body = {"metadata": metadata, "spec": spec, "status": self.status}
        return self._see("CosmosGenerator", NAME, body, type_=type_, uid=self.uid)

    def says(self, ready: str, reason: str, message: str = "why", **more: Any) -> History:
        """Write a status as the operator would; `more` overrides what Ready has."""
        old = next(iter(self.status.get("conditions", [])), {})
        since = old.get("lastTransitionTime") if old.get("status") == ready else None
        shared = {
            "reason": reason,
            "message": message,
            "lastTransitionTime": since or _stamp(WALL + self.now),
            "observedGeneration": self.generation,
        } | more
        conditions = [{"type": "Ready", "status": ready, **shared}]
        if ready != "True":
            conditions.append({"type": "Reconciling", "status": "True", **shared})
        self.status = {"observedGeneration": self.generation, "conditions": conditions}
        return self.resource()

    def deployment(self, *, revision: int = 1) -> History:
        """Show Deployment and ReplicaSet as they follow from the spec."""
        template = {"metadata": {"annotations": {EDITION: self.edition}}}
        spec = {"replicas": self.replicas, "template": template}
        owner = [{"uid": self.uid, "controller": True}]
        body: dict[str, Any] = {"metadata": {"labels": LABELS, "ownerReferences": owner}}
        self._see("Deployment", f"{NAME}-generator", body | {"spec": spec}, uid=f"{self.uid}-d")
        owner = [{"uid": f"{self.uid}-d", "controller": True}]
        annotations = {"deployment.kubernetes.io/revision": str(revision)}
        body = {
            "metadata": {"labels": LABELS, "ownerReferences": owner, "annotations": annotations}
        }
        return self._see("ReplicaSet", f"set{revision}", body | {"spec": spec})

    def pod(
        self,
        name: str = "pod",
        *,
        ready: bool,
        revision: int = 1,
        terminating: bool = False,
        type_: str = "MODIFIED",
    ) -> History:
        metadata: dict[str, Any] = {
            "labels": LABELS,
            "annotations": {EDITION: self.edition},
            "ownerReferences": [{"uid": f"set{revision}", "controller": True}],
        }
        if terminating:
            metadata["deletionTimestamp"] = _stamp(WALL)
        status = {"phase": "Running", "conditions": [_true("Ready")] if ready else []}
        body = {"metadata": metadata, "spec": {"nodeName": "node"}, "status": status}
        return self._see("Pod", name, body, type_=type_)

    def node(self, *, alive: bool) -> History:
        conditions = [_true("Ready")] if alive else []
        return self._see("Node", "node", {"status": {"conditions": conditions}})

    def serving(self) -> History:
        """Come up in good order."""
        self.resource("ADDED").passes(0.1).deployment().says("False", "Starting")
        for number in range(self.replicas):
            self.passes(1).pod(f"pod{number}", ready=False).passes(5)
            self.pod(f"pod{number}", ready=True)
        return self.passes(0.1).says("True", "Serving")

    def end(self) -> Referee:
        self.referee.close(self.now)
        return self.referee

    def _see(
        self, kind: str, name: str, body: Any, *, type_: str = "MODIFIED", uid: str = ""
    ) -> History:
        self._version += 1
        metadata = {"name": name, "uid": uid or name, "resourceVersion": str(self._version)}
        whole = {"kind": kind, **body, "metadata": metadata | body.get("metadata", {})}
        event = Event(type=type_, kind=kind, body=whole)
        self.referee.see(event, now=self.now, wall=WALL + self.now)
        return self


def _true(type_: str) -> dict[str, str]:
    return {"type": type_, "status": "True"}


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
