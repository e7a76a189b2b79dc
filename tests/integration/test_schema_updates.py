"""What cannot change: `change_errors` and a real API server refuse the same updates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import strategies
from apiserver import DryRun, dry_run
from cosmos3_operator.api.resource import Kind, change_errors, parse

pytestmark = pytest.mark.cluster

Json = dict[str, Any]

CACHES: tuple[Json, ...] = (
    {},
    {"type": "Claim"},
    {"type": "Claim", "size": "100Gi"},
    {"type": "Claim", "size": "0.5Ti"},
    {"type": "Claim", "size": "512Gi"},
    {"type": "Claim", "size": "549755813888"},
    {"type": "Claim", "size": "1T", "retention": "Retain"},
    {"type": "Claim", "size": "100Gi", "storageClassName": "fast"},
    {"type": "Claim", "size": "200Gi", "storageClassName": "slow"},
    {"type": "Claim", "accessMode": "ReadWriteMany"},
    {"type": "Claim", "size": "90Gi", "accessMode": "ReadWriteMany", "storageClassName": "fast"},
    {"type": "EmptyDir", "size": "1Gi"},
    {"type": "ExistingClaim", "claimName": "weights"},
)


@pytest.fixture(scope="module")
def server(kubeconfig: Path, crds_installed: None) -> Iterator[DryRun]:
    with dry_run(kubeconfig) as opened:
        yield opened


@pytest.mark.parametrize("kind", Kind)
def test_every_change_of_a_cache_is_judged_alike(server: DryRun, kind: Kind) -> None:
    bodies = [with_cache(kind, cache) for cache in CACHES]
    refused = 0
    for old in bodies:
        stored = server.store(old)
        assert stored.accepted, stored.message
        version = stored.body["metadata"]["resourceVersion"]
        try:
            answers = server.replace([at_version(new, version) for new in bodies])
        finally:
            server.remove(old)
        for new, answer in zip(bodies, answers, strict=True):
            ours = change_errors(parse(old), parse(new))
            told = sorted((cause.path, cause.text) for cause in answer.causes)
            said = sorted((error.path, f"Invalid value: {error.message}") for error in ours)
            assert told == said, f"{old['spec']['cache']} → {new['spec']['cache']}"
            assert answer.accepted == (not ours), answer.message
            refused += bool(ours)
    assert len(bodies) ** 2 / 4 < refused < len(bodies) ** 2 / 2


def test_some_other_changes_are_free(server: DryRun) -> None:
    old = strategies.of_kind(Kind.REASONER, {"model": "nvidia/Cosmos3-Nano"}, "free")
    changes: tuple[Json, ...] = (
        {"replicas": 0},
        {"model": "nvidia/Cosmos3-Super", "parallelism": {"tensor": 8}},
        {"pod": {"labels": {"team": "a"}}, "service": {"port": 80}},
    )
    stored = server.store(old)
    assert stored.accepted, stored.message
    version = stored.body["metadata"]["resourceVersion"]
    bodies = [
        strategies.of_kind(Kind.REASONER, {**old["spec"], **change}, "free") for change in changes
    ]
    try:
        answers = server.replace([at_version(body, version) for body in bodies])
    finally:
        server.remove(old)
    assert [answer.message for answer in answers] == [""] * len(changes)


def with_cache(kind: Kind, cache: Json) -> Json:
    spec = {"model": "nvidia/Cosmos3-Nano", "cache": cache}
    return strategies.of_kind(kind, spec, "changing")


def at_version(body: Json, version: str) -> Json:
    metadata = {**body["metadata"], "resourceVersion": version}
    del metadata["uid"]
    return {**body, "metadata": metadata}
