"""A core small enough to see through: `spec.children` names the children, `spec.invalid` breaks it.

It lets tests drive the loop without knowing how a model server is planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.api.resource import API_VERSION
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.reconcile.kinds import CHILDREN, COMPONENT, INSTANCE, MANAGED_BY, MANAGER
from cosmos3_operator.reconcile.pipeline import Pipeline
from cosmos3_operator.status.evidence import NO_ASKS, Asks, EventsAsk, LogAsk
from cosmos3_operator.status.observe import ChildRef, Observation

COMPONENT_OF = {"CosmosGenerator": "generator", "CosmosReasoner": "reasoner"}


@dataclass(frozen=True)
class ToySummary:
    status: dict[str, Any]
    requeue_after: float | None = None


def resource(name: str = "super", *, kind: str = "CosmosGenerator", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"children": ["Service", "Deployment"], "value": 1, **spec},
    }


def parse(body: Mapping[str, Any]) -> Mapping[str, Any]:
    if body["spec"].get("invalid"):
        raise Invalid((FieldError("spec.invalid", "is set"),))
    return body


def make_plan(body: Mapping[str, Any], facts: Facts) -> Mapping[str, Any]:
    return body


def labels_of(body: Mapping[str, Any]) -> dict[str, str]:
    return {
        MANAGED_BY: MANAGER,
        COMPONENT: COMPONENT_OF[body["kind"]],
        INSTANCE: body["metadata"]["name"],
    }


def render(body: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple(manifest(body, kind) for kind in body["spec"]["children"])


def manifest(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": body["metadata"]["name"],
        "namespace": body["metadata"]["namespace"],
        "labels": labels_of(body),
    }
    if not (kind == "PersistentVolumeClaim" and body["spec"].get("retain")):
        metadata["ownerReferences"] = [
            {
                "apiVersion": body["apiVersion"],
                "kind": body["kind"],
                "name": body["metadata"]["name"],
                "uid": body["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    content = {"value": str(body["spec"]["value"])}
    return {
        "apiVersion": CHILDREN[kind].api_version,
        "kind": kind,
        "metadata": metadata,
        **({"data": content} if kind == "ConfigMap" else {"spec": content}),
    }


def hold(body: Mapping[str, Any], observation: Observation) -> frozenset[ChildRef]:
    """`spec.waitsFor` names the kind of child that the Deployment waits for: for its status."""
    kind = body["spec"].get("waitsFor")
    arrived = any(
        live.get("status") for ref, live in observation.children.items() if ref.kind == kind
    )
    if kind is None or arrived:
        return frozenset()
    return frozenset({ChildRef("Deployment", body["metadata"]["name"])})


def asks(body: Mapping[str, Any], observation: Observation, /, *, now: datetime) -> Asks:
    """`spec.asks`: whether to ask for logs and events of all pods while the Deployment is down."""
    if not body["spec"].get("asks") or is_up(observation):
        return NO_ASKS
    names = [pod["metadata"]["name"] for pod in observation.pods]
    logs = [
        LogAsk(pod=name, container="server", run=0, is_previous=False, is_live=False)
        for name in names
    ]
    events = [EventsAsk(kind="Pod", name=name) for name in names]
    return Asks(asks=(*logs, *events), requeue_after=body["spec"].get("askAgain"))


def is_up(observation: Observation) -> bool:
    return any(
        live.get("status", {}).get("readyReplicas", 0)
        for ref, live in observation.children.items()
        if ref.kind == "Deployment"
    )


def summarize(
    body: Mapping[str, Any], plan: Any, observation: Observation, /, *, now: datetime
) -> ToySummary:
    is_ready = is_up(observation) and not observation.failures
    failures = [f"{one.ref.kind}: {one.reason}" for one in observation.failures]
    ready = {
        "type": "Ready",
        "status": "True" if is_ready else "False",
        "reason": "Refused" if failures else "Serving" if is_ready else "Starting",
        "message": ", ".join(failures),
    }
    evidence = observation.evidence
    told = {
        "logs": sorted(evidence.logs.values()),
        "events": sorted(str(one["message"]) for all_ in evidence.events.values() for one in all_),
        "refused": list(evidence.refused),
        "lost": sorted(observation.lost_nodes),
    }
    return ToySummary(
        {
            "observedGeneration": body["metadata"]["generation"],
            "children": len(observation.children),
            "pods": len(observation.pods),
            "conditions": [ready],
            **{name: words for name, words in told.items() if words},
        },
        requeue_after=body["spec"].get("requeueAfter"),
    )


def summarize_invalid(
    body: Mapping[str, Any], error: Invalid, /, *, observation: Observation, now: datetime
) -> ToySummary:
    ready = {"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": str(error)}
    return ToySummary({"observedGeneration": body["metadata"]["generation"], "conditions": [ready]})


def summarize_failure(body: Mapping[str, Any], error: Exception, /, *, now: datetime) -> ToySummary:
    ready = {"type": "Ready", "status": "Unknown", "reason": "InternalError", "message": str(error)}
    return ToySummary({"observedGeneration": body["metadata"]["generation"], "conditions": [ready]})


PIPELINE = Pipeline(
    parse=parse,
    make_plan=make_plan,
    render=render,
    hold=hold,
    asks=asks,
    summarize=summarize,
    summarize_invalid=summarize_invalid,
    summarize_failure=summarize_failure,
)
