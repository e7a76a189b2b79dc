"""Waiting for a resource of ours to say why it is, or is not, ready."""

from __future__ import annotations

from typing import Any

from support.api import Api, ready
from support.waiting import eventually


def settled(api: Api, body: dict[str, Any], reason: str) -> dict[str, Any]:
    """Wait until Ready has this reason for the current generation."""

    def holds(seen: dict[str, Any] | None) -> bool:
        return (
            seen is not None
            and ready(seen).get("reason") == reason
            and seen["status"]["observedGeneration"] == seen["metadata"]["generation"]
        )

    found = eventually(lambda: api.get(api.path(body)), holds, what=f"Ready with reason {reason}")
    assert found is not None
    return found
