"""Killed at random moments, the operator loses nothing, doubles nothing and leaves nothing over."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from cosmos3_operator.api.resource import parse
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from support.api import Api, ready
from support.operator_process import OperatorProcess
from support.resources import generator, reasoner
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crds_installed")]

RESOURCES = 50
KILLS = 8
SEED = int(os.environ.get("COSMOS3_CHAOS_SEED", "20261123"))

CHANGES: list[dict[str, Any]] = [
    {"guardrails": {"mode": "Disabled"}},
    {"runtime": {"version": "0.30.0"}},
    {"networkPolicy": {"enabled": False}},
    {"cache": {"type": "Claim", "size": "10Gi"}},
    {"replicas": 0},
    {"extraArgs": ["--enforce-eager"]},
    {"service": {"port": 9000}},
]


def test_children_equal_render_after_kills_at_random_moments(
    api: Api, operator_kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    dice = random.Random(SEED)
    operator = OperatorProcess(kubeconfig=operator_kubeconfig, log=tmp_path / "log")
    alive = _create(api, namespace, dice)
    with operator:
        for _ in range(KILLS):
            for _ in range(dice.randrange(4, 12)):
                _disturb(api, alive, dice)
                time.sleep(dice.random() * 0.1)  # the moment of the kill must be random
            operator.kill()
            _disturb(api, alive, dice)
            operator.start(wait=False)
        operator.wait_until_watching()
        eventually(
            lambda: _differences(api, namespace, alive), lambda found: not found, what="agreement"
        )
        assert alive, "some resources must survive, or this shows nothing"
        assert operator.stop() == 0


def _create(api: Api, namespace: str, dice: random.Random) -> dict[str, dict[str, Any]]:
    alive = {}
    for number in range(RESOURCES):
        make = dice.choice((generator, reasoner))
        body = make(f"c{number}", namespace)
        api.create(body)
        alive[body["metadata"]["name"]] = body
    return alive


def _disturb(api: Api, alive: dict[str, dict[str, Any]], dice: random.Random) -> None:
    """Change, delete or re-create one resource, or delete one of its children."""
    name = dice.choice(sorted(alive))
    body = alive[name]
    action = dice.choice(("change", "change", "change", "delete", "recreate", "drift"))
    if action == "change":
        change = dice.choice(CHANGES)
        if body["kind"] == "CosmosReasoner":
            change = {k: v for k, v in change.items() if k not in ("guardrails", "runtime")}
        api.merge(api.path(body), {"spec": change})
    elif action == "drift":
        namespace = body["metadata"]["namespace"]
        component = body["kind"].removeprefix("Cosmos").lower()
        api.delete(f"/api/v1/namespaces/{namespace}/services/{name}-{component}")
    elif action == "recreate":
        api.delete(api.path(body))
        api.create(body)
    elif len(alive) > RESOURCES // 2:
        api.delete(api.path(body))
        del alive[name]


def _differences(api: Api, namespace: str, alive: dict[str, dict[str, Any]]) -> list[str]:
    """Say how the cluster differs from what render makes of the surviving resources."""
    live = {(child["kind"], child["metadata"]["name"]): child for child in api.children(namespace)}
    found: list[str] = []
    wanted: dict[tuple[str, str], dict[str, Any]] = {}
    for body in alive.values():
        resource = api.get(api.path(body))
        if resource is None:
            return [f"{body['metadata']['name']} is gone"]
        if ready(resource).get("observedGeneration") != resource["metadata"]["generation"]:
            found.append(f"{body['metadata']['name']} is not observed yet")
        for child in render(make_plan(parse(resource), Facts())):
            wanted[child["kind"], child["metadata"]["name"]] = child
    found += [f"{key} is missing" for key in wanted.keys() - live.keys()]
    found += [f"{key} is left over" for key in live.keys() - wanted.keys()]
    for key in wanted.keys() & live.keys():
        found += [f"{key}{where}" for where in _unlike(wanted[key], live[key])]
    return found


def _unlike(wanted: Any, live: Any, path: str = "") -> list[str]:
    """Return where a live object differs from what was rendered, apart from defaults."""
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return [f"{path}: {live!r}"]
        return [
            difference
            for key, value in wanted.items()
            if key != "apiVersion"
            for difference in _unlike(value, live.get(key), f"{path}.{key}")
        ]
    if isinstance(wanted, list):
        if not isinstance(live, list) or len(wanted) != len(live):
            return [f"{path}: {live!r}"]
        pairs = enumerate(zip(wanted, live, strict=True))
        return [d for i, (w, a) in pairs for d in _unlike(w, a, f"{path}[{i}]")]
    return [] if wanted == live else [f"{path}: {live!r} instead of {wanted!r}"]
