"""The PersistentVolumeClaim of the weight cache."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.manifests.metadata import Manifest, manifest
from cosmos3_operator.plan.types import CacheKind, Plan


def build_claim(plan: Plan) -> Manifest | None:
    """Return the claim, or None if the cache needs none of ours.

    A claim that is to be retained has no owner, so that nothing collects it.
    """
    cache = plan.cache
    if cache.kind is not CacheKind.CLAIM:
        return None
    spec: dict[str, Any] = {
        "accessModes": [cache.access_mode],
        "resources": {"requests": {"storage": cache.size}},
    }
    if cache.storage_class_name is not None:
        spec["storageClassName"] = cache.storage_class_name
    return manifest(
        plan,
        api_version="v1",
        kind="PersistentVolumeClaim",
        name=cache.claim_name,
        owned=not cache.retain,
        body={"spec": spec},
    )
