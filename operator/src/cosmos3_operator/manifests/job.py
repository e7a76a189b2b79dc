"""The Job that asks the Hugging Face hub before a GPU is taken.

The token is in its pod only. The kubelet repeats a container that fails, with growing delays up to
five minutes and with the Secret as it is then, so a mended cause needs no write by the operator.
The name carries a hash of the content: a change makes a new Job, and the old one is pruned.
"""

from __future__ import annotations

import json
from typing import Any

from cosmos3_operator.manifests.container import env_entry
from cosmos3_operator.manifests.metadata import Manifest, manifest
from cosmos3_operator.manifests.programs import program
from cosmos3_operator.plan.digest import short_digest
from cosmos3_operator.plan.names import ACCESS_CONTAINER, access_labels
from cosmos3_operator.plan.types import AccessPlan, Plan

NEVER_GIVE_UP = 2**31 - 1
"""Largest backoffLimit: restarts are cheap, and a Job that has failed never runs again."""
USER = 65532
"""The user called nonroot in small base images; any but 0 would do."""
LONGEST_NAME = 63
"""A Job's name becomes a label of its pods."""


def build_access_job(plan: Plan) -> Manifest | None:
    """Return the Job, or None if nobody asks."""
    access = plan.access
    if access is None or not access.image:
        return None
    body = {"spec": _spec(plan, access)}
    return manifest(
        plan,
        api_version="batch/v1",
        kind="Job",
        name=_name(plan, body),
        body=body,
        component_labels=access_labels(plan.owner),
    )


def _name(plan: Plan, body: Any) -> str:
    text = json.dumps([plan.owner.base, body], sort_keys=True)
    suffix = f"-access-{short_digest(text)}"
    return plan.owner.base[: LONGEST_NAME - len(suffix)].rstrip("-") + suffix


def _spec(plan: Plan, access: AccessPlan) -> dict[str, Any]:
    # Labels and annotations as the servers have them: what admits, meters or meshes pods goes by
    # them, and what lets the servers reach the hub must let this pod reach it.
    metadata: dict[str, Any] = {"labels": {**plan.pod.labels, **access_labels(plan.owner)}}
    if plan.pod.annotations:
        metadata["annotations"] = dict(plan.pod.annotations)
    return {
        "backoffLimit": NEVER_GIVE_UP,
        "template": {"metadata": metadata, "spec": _pod(plan, access)},
    }


def _pod(plan: Plan, access: AccessPlan) -> dict[str, Any]:
    pod = plan.pod
    spec: dict[str, Any] = {
        "restartPolicy": "OnFailure",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        # With labels of the user's, a Service of the user's could select it: it is never Ready.
        "readinessGates": [{"conditionType": "serving.cosmos3.io/never-serves"}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(access)],
    }
    # Where it runs does not matter, so node selectors and affinity are left out, which would bring
    # it to GPU nodes. Tolerations stay: where every node is tainted, it could run nowhere.
    optional: dict[str, Any] = {
        "tolerations": [t.model_dump(by_alias=True, exclude_none=True) for t in pod.tolerations],
        "imagePullSecrets": [{"name": item.name} for item in pod.image_pull_secrets],
    }
    return spec | {name: value for name, value in optional.items() if value}


def _container(access: AccessPlan) -> dict[str, Any]:
    words = [str(repository) for repository in access.repositories]
    return {
        "name": ACCESS_CONTAINER,
        "image": access.image,
        "imagePullPolicy": "IfNotPresent",
        # -I: variables that are meant for the Python of the server's image mean nothing here.
        "command": ["python3", "-I", "-c", program("hub.py"), *words],
        "env": [env_entry(var) for var in access.env],
        # Judgement: Python with TLS takes about 30 MiB; limits, since quotas may ask for them.
        "resources": {
            "requests": {"cpu": "10m", "memory": "48Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
