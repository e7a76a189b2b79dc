"""What the look at a pod's GPUs found, and what to do about it.

In: how a container ended. Out: a finding, if that is for the GPU probe or for the node's container
runtime to say. The probe leaves one line of JSON as its termination message; any other end of its
container is told by `pods` as that of every container is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.paths import SHM
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.reports import report_in
from cosmos3_operator.status.words import said

PROBE = "gpu"
"""How the program names itself in what it reports."""


def device_finding(
    plan: Plan, ended: Mapping[str, Any], *, node: str, stalled: bool
) -> Finding | None:
    """Return what is wrong with the GPUs of a pod, None if the container ended for something else.

    `ended` is the `terminated` state of one of its containers.
    """
    text = str(ended.get("message") or "")
    if refused := refused_device(plan, text, node=node, stalled=stalled):
        return refused
    report = report_in(text, probe=PROBE)
    reason = str(report.get("reason"))
    if reason not in _REMEDIES:
        return None
    words = str(report.get("message") or "it left no message").rstrip(".")[:1000]
    return _finding(plan, Reason(reason), words, node=node, stalled=stalled)


def refused_device(plan: Plan, text: str, *, node: str, stalled: bool) -> Finding | None:
    """Return what NVIDIA's part of the container runtime says, None if it says nothing."""
    found = said("gpu", text)
    if found is None:
        return None
    _, toolkit, words_of_it = text.partition("nvidia-container-cli: ")
    words = found.finding(evidence=toolkit + words_of_it if toolkit else text)
    finding = _finding(plan, words.reason, words.message, node=node, stalled=stalled)
    return replace(finding, evidence=words.evidence)


def _finding(plan: Plan, reason: Reason, words: str, *, node: str, stalled: bool) -> Finding:
    what, remedy = _REMEDIES[reason]
    return Finding(
        reason=reason,
        message=f"On node {node or '(unknown)'}, {what}: {words}",
        remedy=remedy(plan),
        stalled=stalled,
    )


def _no_device(plan: Plan) -> str:
    return (
        "Check the node: the NVIDIA container toolkit, the device plugin, and whether pods need "
        "spec.pod.runtimeClassName there"
    )


def _driver(plan: Plan) -> str:
    remedy = "Update the driver, or choose nodes with a newer one (spec.pod.nodeSelector)"
    older = [line for line in plan.runtime.cuda_offered if line < plan.runtime.cuda]
    if older:
        return f'{remedy}, or set spec.runtime.cuda to "{max(older)}", which there is an image for'
    return f"{remedy}, or name an image for an older CUDA in spec.runtime.image"


def _too_few(plan: Plan) -> str:
    return (
        f"One replica needs {plan.gpus.world_size} GPUs of its own: time-slicing and MPS hand out "
        "the same one several times, and a process sees only one MIG slice. Use nodes where each "
        f"{plan.gpu_resource} is a whole GPU, or a smaller spec.parallelism"
    )


def _capability(plan: Plan) -> str:
    return "Choose newer GPUs with spec.gpu.products"


def _shm(plan: Plan) -> str:
    if plan.memory_limit is None:
        return "Look for what shrinks memory-backed volumes on that node"
    return (
        f"{SHM} is never larger than the memory limit, here {plan.memory_limit}: raise "
        f"spec.pod.resources.limits.memory well above {plan.shm_gib}Gi, or leave it out"
    )


def _cache(plan: Plan) -> str:
    return (
        "Set spec.pod.securityContext.fsGroup to a group of the server, or correct the volume's "
        "permissions; a read-only or full volume will not do"
    )


def _broken(plan: Plan) -> str:
    return (
        "Cordon the node and delete the pod, so that it goes elsewhere; then see nvidia-smi and "
        "the kernel's log (Xid) on the node"
    )


_REMEDIES: Mapping[str, tuple[str, Callable[[Plan], str]]] = {
    Reason.NO_CUDA_DEVICE: ("the pod has no GPU that CUDA can use", _no_device),
    Reason.CUDA_DRIVER_TOO_OLD: ("the NVIDIA driver is too old for the image", _driver),
    Reason.TOO_FEW_DEVICES: ("the pod sees fewer GPUs than it was given", _too_few),
    Reason.COMPUTE_CAPABILITY_TOO_LOW: ("a GPU is too old for the model", _capability),
    Reason.SHARED_MEMORY_TOO_SMALL: ("shared memory is too small", _shm),
    Reason.CACHE_NOT_WRITABLE: ("the cache cannot be written", _cache),
    Reason.DEVICE_BROKEN: ("a GPU or its driver does not work", _broken),
}
"""Reason of the probe → what is the matter, and the way out."""
