"""The init container that looks at the GPUs before the server starts.

It has the server's image, so nothing more is pulled and the same libcuda and torch are found, and
the server's resources: Kubernetes takes the larger of init container and server, and the device
plugin gives the server the very GPUs that the init container had. So what the pod asks for, its
quality of service and its share of any quota stay what they are without it. It gets no Secret.
"""

from __future__ import annotations

from typing import Any

from cosmos3_operator.manifests.container import CONFINED, env_entry, resources_of
from cosmos3_operator.manifests.programs import program
from cosmos3_operator.manifests.volumes import mounts
from cosmos3_operator.plan.paths import CACHE, DEVICES, SHM
from cosmos3_operator.plan.types import DeviceCheck, EnvVar, Plan

_TELLING = ("CUDA_", "LD_", "NVIDIA_", "PYTHON", "VLLM_ENABLE_CUDA_COMPATIBILITY")
"""Beginnings of variables that decide which driver, torch and GPUs a program finds."""


def devices_container(plan: Plan) -> dict[str, Any] | None:
    """Return the init container, None if the plan has no such check."""
    if plan.devices is None:
        return None
    return {
        "name": DEVICES,
        "image": plan.runtime.image,
        "imagePullPolicy": plan.runtime.pull_policy,
        "command": ["python3", "-c", program("gpu.py"), *_options(plan, plan.devices)],
        "env": [env_entry(var) for var in plan.env if _is_telling(var)],
        "resources": resources_of(plan),
        "volumeMounts": [mount for mount in mounts(plan) if mount["mountPath"] in (CACHE, SHM)],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONFINED,
    }


def _options(plan: Plan, check: DeviceCheck) -> list[str]:
    options = {
        "--gpus": plan.gpus.world_size,
        "--cuda": check.cuda,
        "--min-compute": check.min_compute_capability,
        "--min-memory-mib": plan.gpu_min_memory_mib,
        "--shm-gib": plan.shm_gib,
        "--cache": CACHE,
        "--cache-gib": plan.startup.download_gib,
    }
    return [f"{name}={value}" for name, value in options.items() if value]


def _is_telling(var: EnvVar) -> bool:
    return var.name.startswith(_TELLING) and var.secret is None
