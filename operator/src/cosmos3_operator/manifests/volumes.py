"""Volumes and where they are mounted: all that a server writes, and what it may read."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.api.resource import Kind
from cosmos3_operator.manifests.configmap import configmap_name
from cosmos3_operator.plan.paths import CACHE, DEPLOY_CONFIG_DIR, SHM, STORAGE, TMP
from cosmos3_operator.plan.types import CacheKind, Plan


def volumes(plan: Plan) -> list[dict[str, Any]]:
    """Return the pod's volumes."""
    found: list[dict[str, Any]] = [
        {"name": "cache", **_cache(plan)},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{plan.shm_gib}Gi"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if plan.owner.kind is Kind.GENERATOR:
        found.append({"name": "storage", "emptyDir": {}})
    if plan.deploy_config is not None:
        found.append({"name": "deploy-config", "configMap": {"name": configmap_name(plan)}})
    if plan.media is not None:
        claim = {"claimName": plan.media.claim_name, "readOnly": True}
        found.append({"name": "media", "persistentVolumeClaim": claim})
    return found


def mounts(plan: Plan) -> list[dict[str, Any]]:
    """Return the container's mounts, in the order of the volumes."""
    found: list[dict[str, Any]] = [
        {"name": "cache", "mountPath": CACHE},
        {"name": "shm", "mountPath": SHM},
        {"name": "tmp", "mountPath": TMP},
    ]
    if plan.owner.kind is Kind.GENERATOR:
        found.append({"name": "storage", "mountPath": STORAGE})
    if plan.deploy_config is not None:
        found.append({"name": "deploy-config", "mountPath": DEPLOY_CONFIG_DIR, "readOnly": True})
    if plan.media is not None:
        media = {"name": "media", "mountPath": plan.media.mount_path, "readOnly": True}
        if plan.media.sub_path:
            media["subPath"] = plan.media.sub_path
        found.append(media)
    return found


def _cache(plan: Plan) -> dict[str, Any]:
    if plan.cache.kind is CacheKind.EMPTY_DIR:
        return {"emptyDir": {"sizeLimit": plan.cache.size} if plan.cache.size else {}}
    return {"persistentVolumeClaim": {"claimName": plan.cache.claim_name}}
