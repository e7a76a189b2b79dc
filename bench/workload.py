"""What is created, and what the operator must make of it.

In: a number. Out: bodies of resources; and, once they have a uid, the very requests that the
operator sends for them on an empty cluster, encoded. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml

from cosmos3_operator.api.resource import API_VERSION, parse
from cosmos3_operator.cluster import requests
from cosmos3_operator.cluster.requests import Request, encode
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.reconcile.children import CREATE_ONLY
from cosmos3_operator.reconcile.kinds import CHILDREN, MANAGER, RESOURCES
from cosmos3_operator.status.observe import ChildRef, Observation
from cosmos3_operator.status.summarize import summarize

MIX = Path(__file__).with_name("mix.yaml")
NAMESPACE = "bench"

Body = Mapping[str, Any]

EMPTY_CLUSTER = Facts(nodes=())


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What one resource leads to."""

    requests: tuple[Request, ...]
    children: tuple[ChildRef, ...]


def resources(number: int, *, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    """Return bodies to create, the entries of the mix in turn."""
    entries = yaml.safe_load(MIX.read_text(encoding="utf-8"))
    return [
        {
            "apiVersion": API_VERSION,
            "kind": entry["kind"],
            "metadata": {"name": f"model-{index:05d}", "namespace": namespace},
            "spec": entry["spec"],
        }
        for index, entry in enumerate(islice(cycle(entries), number))
    ]


def shares(bodies: Sequence[Body]) -> dict[str, int]:
    """Count bodies by kind."""
    counts: dict[str, int] = {}
    for body in bodies:
        counts[body["kind"]] = counts.get(body["kind"], 0) + 1
    return counts


def expected(body: Body) -> Expected:
    """Return the requests that bring a resource's children and status about."""
    resource = parse(body)
    plan = make_plan(resource, EMPTY_CLUSTER)
    manifests = render(plan)
    live = {
        ChildRef(one["kind"], one["metadata"]["name"]): {
            **one,
            "metadata": {**one["metadata"], "generation": 1},
            "status": {},
        }
        for one in manifests
    }
    summary = summarize(resource, plan, Observation(children=live), now=datetime.now(UTC))
    return Expected(
        requests=(*map(_apply, manifests), _apply_status(body, summary.status)),
        children=tuple(live),
    )


def _apply(manifest: Body) -> Request:
    metadata = manifest["metadata"]
    return requests.apply(
        CHILDREN[manifest["kind"]],
        namespace=metadata["namespace"],
        name=metadata["name"],
        body=encode({**manifest, "metadata": {**metadata, **CREATE_ONLY}}),
        manager=MANAGER,
        force=False,
    )


def _apply_status(body: Body, status: Body) -> Request:
    metadata = {name: body["metadata"][name] for name in ("name", "namespace", "uid")}
    return requests.apply(
        RESOURCES[body["kind"]],
        namespace=metadata["namespace"],
        name=metadata["name"],
        body=encode(
            {
                "apiVersion": body["apiVersion"],
                "kind": body["kind"],
                "metadata": metadata,
                "status": status,
            }
        ),
        manager=MANAGER,
        force=True,
        subresource="status",
    )


_OF_THE_SERVER = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "managedFields", "lastTransitionTime"}
    | {"clusterIP", "clusterIPs"}
)


def essence(value: Any) -> Any:
    """Drop what differs between two clusters that hold the same objects."""
    if isinstance(value, Mapping):
        return {name: essence(one) for name, one in value.items() if name not in _OF_THE_SERVER}
    if isinstance(value, list):
        return [essence(one) for one in value]
    return value
