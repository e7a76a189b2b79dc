"""Which resource an object belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.watch.routes import key_of_owner, key_of_resource
from fakes import toy

LABELS = {"app.kubernetes.io/component": "reasoner", "app.kubernetes.io/instance": "nano"}
OURS = {
    "apiVersion": "serving.cosmos3.io/v1alpha1",
    "kind": "CosmosGenerator",
    "name": "super",
    "uid": "u",
    "controller": True,
}
ASKS = LABELS | {"app.kubernetes.io/component": "reasoner-access"}
JOB = {"apiVersion": "batch/v1", "kind": "Job", "name": "x", "controller": True}
REPLICA_SET = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "controller": True}


def thing(
    labels: dict[str, str] | None = None, *owners: dict[str, Any], namespace: str | None = "default"
) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "labels": labels, "ownerReferences": list(owners)}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (thing(None, OURS), Key("CosmosGenerator", "default", "super")),
        (thing(LABELS, OURS), Key("CosmosGenerator", "default", "super")),
        (thing(LABELS), Key("CosmosReasoner", "default", "nano")),
        (thing(LABELS, REPLICA_SET), Key("CosmosReasoner", "default", "nano")),
        (
            thing(LABELS, {**OURS, "controller": False}),
            Key("CosmosReasoner", "default", "nano"),
        ),
        (thing(ASKS, JOB), Key("CosmosReasoner", "default", "nano")),
        (thing(None, {**OURS, "apiVersion": "other.io/v1"}), None),
        (thing({"app.kubernetes.io/component": "web"}), None),
        (thing({"app.kubernetes.io/component": "generator"}), None),
        (thing(None), None),
        (thing(LABELS, namespace=None), None),
    ],
)
def test_owner(body: dict[str, Any], expected: Key | None) -> None:
    assert key_of_owner(body) == expected


def test_a_newer_version_of_our_group_is_still_ours() -> None:
    body = thing(None, {**OURS, "apiVersion": "serving.cosmos3.io/v1"})
    assert key_of_owner(body) == Key("CosmosGenerator", "default", "super")


def test_resource() -> None:
    assert key_of_resource(toy.resource()) == Key("CosmosGenerator", "default", "super")
