"""The server's container: image, command, environment, GPUs, probes, drain."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.api.pod import ResourceList
from cosmos3_operator.manifests.drain import drain_hook
from cosmos3_operator.manifests.volumes import mounts
from cosmos3_operator.plan.paths import PORT, SERVER
from cosmos3_operator.plan.types import EnvVar, Plan

PROBE_PERIOD_SECONDS = 10
PROBE_TIMEOUT_SECONDS = 10
"""A busy server answers /health late: vLLM's own guides use 10 to 15 s."""

CONFINED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
"""Security context of every container."""


def server_container(plan: Plan) -> dict[str, Any]:
    """Return the container of the model server."""
    return {
        "name": SERVER,
        "image": plan.runtime.image,
        "imagePullPolicy": plan.runtime.pull_policy,
        # Images differ in their entry points; one that is `vllm serve` would double it.
        "command": ["vllm", "serve"],
        "args": list(plan.args),
        "env": [env_entry(var) for var in plan.env],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": resources_of(plan),
        "volumeMounts": mounts(plan),
        "startupProbe": _probe(failures=-(-plan.startup.budget_seconds // PROBE_PERIOD_SECONDS)),
        "readinessProbe": _probe(failures=3),
        "livenessProbe": _probe(failures=10, period=30, timeout=15),
        "lifecycle": {"preStop": drain_hook(plan)},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONFINED,
    }


def env_entry(var: EnvVar) -> dict[str, Any]:
    """Return one variable, by value or by reference."""
    if var.secret:
        source = {"secretKeyRef": {"name": var.secret.name, "key": var.secret.key}}
    elif var.config_map:
        source = {"configMapKeyRef": {"name": var.config_map.name, "key": var.config_map.key}}
    else:
        return {"name": var.name, "value": var.value or ""}
    return {"name": var.name, "valueFrom": source}


def resources_of(plan: Plan) -> dict[str, Any]:
    """Return requests and limits; the GPU limit is the world size, exactly."""
    gpus = {plan.gpu_resource: str(plan.gpus.world_size)}
    requests = _amounts(plan.pod.resources.requests) | {"memory": plan.memory_request}
    limits = _amounts(plan.pod.resources.limits)
    for name, limit in limits.items():
        # A request above its limit is invalid; a limit without a request implies one.
        requests.setdefault(name, limit)
    return {"requests": requests | gpus, "limits": limits | gpus}


def _amounts(amounts: ResourceList) -> dict[str, str]:
    named = amounts.model_dump(by_alias=True, exclude_none=True)
    return {name: str(value) for name, value in named.items()}


def _probe(
    *, failures: int, period: int = PROBE_PERIOD_SECONDS, timeout: int = PROBE_TIMEOUT_SECONDS
) -> dict[str, Any]:
    """Return a probe of /health, which needs no API key and refuses connections while loading."""
    return {
        "httpGet": {"path": "/health", "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }
