"""Small resources for tests, as users would write them."""

from __future__ import annotations

from typing import Any

PLURALS = {"CosmosGenerator": "cosmosgenerators", "CosmosReasoner": "cosmosreasoners"}


def generator(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """A CosmosGenerator of the smallest checkpoint, with more spec if given."""
    return _resource("CosmosGenerator", name, namespace, spec)


def reasoner(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """A CosmosReasoner of the smallest checkpoint, with more spec if given."""
    return _resource("CosmosReasoner", name, namespace, spec)


def simulated(**words: str) -> dict[str, Any]:
    """`spec.pod` that tells the simulated node how the pod goes; see tests/bed/README.md."""
    return {
        "annotations": {
            f"bed.cosmos3.io/{word.replace('_', '-')}": value for word, value in words.items()
        }
    }


def _resource(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "serving.cosmos3.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"model": "nvidia/Cosmos3-Nano", **spec},
    }
