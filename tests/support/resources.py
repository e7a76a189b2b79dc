"""Small resources for tests, as users would write them."""

from __future__ import annotations

import json
from typing import Any

TOKEN = {"tokenSecretRef": {"name": "hf-token"}}
"""`spec.huggingFace` with a token; nodes that are simulated do not look for the Secret."""

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


def refused_by_the_hub(reason: str, **words: str) -> dict[str, Any]:
    """`spec.pod` by which the Job that asks the hub fails, with a report as the program writes."""
    report = {"probe": "hub", "reason": reason, "repository": "a/b", "message": "a/b is closed"}
    return simulated(
        job_fail="exit",
        job_ready_after="100ms",
        job_termination_message=json.dumps(report),
        **({"job_back_off": "1s"} | words),
    )


def _resource(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "serving.cosmos3.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"model": "nvidia/Cosmos3-Nano", **spec},
    }
