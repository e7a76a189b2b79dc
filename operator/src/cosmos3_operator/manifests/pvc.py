"""The PersistentVolumeClaim of the weight cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos3_operator.manifests.metadata import Manifest, manifest
from cosmos3_operator.plan.types import CacheKind, Plan

KEPT: Mapping[str, str] = {
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
}
"""What keeps Argo CD from a claim without owner. Where it tracks by label, which was its default
before 3.0, it takes such a claim for its own if an application is called like our resource: that is
what our instance label says. A sync would then delete the weights.
Source: argo-cd v3.5.7, controller/cache/cache.go (isRoot) and controller/state.go."""


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
        annotations=KEPT if cache.retain else None,
        body={"spec": spec},
    )
