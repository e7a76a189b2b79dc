"""Moments in the life of one resource, made from few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cosmos3_operator.api.resource import parse
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.evidence import NOTHING, Evidence
from cosmos3_operator.status.observe import ChildRef, Observation
from cosmos3_operator.status.reading import stamp
from cosmos3_operator.status.summarize import Summary, summarize

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
POD = "super-generator-7d4c-x"
Json = dict[str, Any]


def body(status: Mapping[str, Any] | None = None, **spec: Any) -> Json:
    return {
        "apiVersion": "serving.cosmos3.io/v1alpha1",
        "kind": "CosmosGenerator",
        "metadata": {"name": "super", "namespace": "demo", "uid": "1", "generation": 3},
        "spec": {"model": "nvidia/Cosmos3-Super"} | spec,
        "status": dict(status or {}),
    }


def plan(**spec: Any) -> Plan:
    return make_plan(parse(body(**spec)), Facts())


def deployment(*, ready: int = 0, replicas: int = 1, conditions: Iterable[Json] = ()) -> Json:
    return {
        "metadata": {"name": "super-generator", "generation": 3},
        "status": {
            "observedGeneration": 3,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": list(conditions),
        },
    }


def pod(
    *containers: Json,
    name: str = POD,
    node: str = "gpu-0",
    ready: bool = False,
    since: str = "2026-11-23T11:50:00Z",
    conditions: Iterable[Json] = (),
    **metadata: Any,
) -> Json:
    return {
        "metadata": {"name": name, "creationTimestamp": "2026-11-23T11:50:00Z"} | metadata,
        "spec": {"nodeName": node} if node else {},
        "status": {
            "phase": "Running",
            "startTime": "2026-11-23T11:50:00Z",
            "conditions": [
                {"type": "Ready", "status": str(ready), "lastTransitionTime": since},
                *conditions,
            ],
            "containerStatuses": list(containers),
        },
    }


def unscheduled(words: str, *, reason: str = "Unschedulable", name: str = POD) -> Json:
    told = {"type": "PodScheduled", "status": "False", "reason": reason, "message": words}
    return pod(node="", conditions=[told], name=name)


def container(state: Json, last: Json | None = None, *, restarts: int = 0, **more: Any) -> Json:
    return {
        "name": "server",
        "image": "registry.example.com/omni:v9",
        "restartCount": restarts,
        "state": state,
        "lastState": last or {},
    } | more


def waits(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


def runs(since: str = "2026-11-23T11:51:00Z") -> Json:
    return {"running": {"startedAt": since}}


def ended(code: int, reason: str = "Error", message: str = "", *, seconds: int = 60) -> Json:
    started = NOW - timedelta(minutes=9)
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "message": message,
            "startedAt": stamp(started),
            "finishedAt": stamp(started + timedelta(seconds=seconds)),
        }
    }


def seen(
    *pods: Json,
    deployed: Json | None = None,
    evidence: Evidence = NOTHING,
    lost_nodes: Iterable[str] = (),
    children: Mapping[ChildRef, Json] | None = None,
) -> Observation:
    return Observation(
        children={ChildRef("Deployment", "super-generator"): deployed or deployment()}
        | dict(children or {}),
        pods=pods,
        evidence=evidence,
        lost_nodes=frozenset(lost_nodes),
    )


def summary(
    observation: Observation, *, before: Mapping[str, Any] | None = None, **spec: Any
) -> Summary:
    resource = parse(body(before, **spec))
    return summarize(resource, make_plan(resource, Facts()), observation, now=NOW)


def ready(status: Mapping[str, Any]) -> Json:
    return next(item for item in status["conditions"] if item["type"] == "Ready")
