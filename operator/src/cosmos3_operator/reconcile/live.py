"""What the live Deployment says of the runtime that was decided on.

In: a Deployment as the API server has it, or as `trim` leaves it. Out: `LiveDeployment`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos3_operator.plan.facts import LiveDeployment
from cosmos3_operator.plan.names import CUDA_NOTE, RUNTIME_NOTE
from cosmos3_operator.plan.paths import SERVER

_COMPLETE = "NewReplicaSetAvailable"
"""Reason of the condition Progressing once all pods of a template were available; it stays while
they come and go (kubernetes, pkg/controller/deployment/progress.go)."""


def live_deployment(body: Mapping[str, Any]) -> LiveDeployment:
    """Return what a Deployment says."""
    annotations = body["metadata"].get("annotations") or {}
    return LiveDeployment(
        note=annotations.get(RUNTIME_NOTE, ""),
        cuda_note=annotations.get(CUDA_NOTE, ""),
        image=_image(body.get("spec") or {}),
        replicas=(body.get("spec") or {}).get("replicas", 1),
        has_served=_has_served(body.get("status") or {}),
    )


def _image(spec: Mapping[str, Any]) -> str:
    containers = spec.get("template", {}).get("spec", {}).get("containers", ())
    return next((str(c.get("image")) for c in containers if c.get("name") == SERVER), "")


def _has_served(status: Mapping[str, Any]) -> bool:
    reasons = (one.get("reason") for one in status.get("conditions") or ())
    counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")}
    return _COMPLETE in reasons or (len(counts) == 1 and counts != {0})
