"""Which of several findings to tell first, and how to say one thing once.

In: the findings of all pods, in the order of the pods. Out: the same, most telling first, with a
count where several pods say the same. The order depends on nothing that changes by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.status.findings import Finding

_FIRST = (
    Reason.CONFIGURATION_MISSING,
    Reason.IMAGE_PULL_FAILED,
    Reason.QUOTA_EXCEEDED,
    Reason.PODS_REFUSED,
    Reason.RUNTIME_REFUSED,
    Reason.VOLUME_NOT_BOUND,
    Reason.VOLUME_MOUNT_FAILED,
    Reason.POD_SANDBOX_FAILED,
    Reason.OUT_OF_MEMORY,
    Reason.DEVICE_BROKEN,
    Reason.NO_CUDA_DEVICE,
    Reason.CUDA_DRIVER_TOO_OLD,
    Reason.TOO_FEW_DEVICES,
    Reason.COMPUTE_CAPABILITY_TOO_LOW,
    Reason.SHARED_MEMORY_TOO_SMALL,
    Reason.CACHE_NOT_WRITABLE,
)
"""What somebody must repair, by how early on the way of a pod."""

_LAST = (
    Reason.STARTUP_BUDGET_EXCEEDED,
    Reason.LIVENESS_FAILED,
    Reason.CRASH_LOOPING,
    Reason.CONTAINER_FAILED,
    Reason.NODE_LOST,
    Reason.NO_NODE_FITS,
    Reason.NODES_TAINTED,
    Reason.INSUFFICIENT_GPUS,
    Reason.NOT_ANSWERING,
    Reason.EVICTED,
    Reason.SCHEDULING,
    Reason.STARTING,
    Reason.PROGRESS_DEADLINE_EXCEEDED,
)
"""What says less than a cause that was read from a log, and what may pass by itself."""

_BETWEEN = len(_FIRST)
_RANK: Mapping[Reason, int] = {
    **{reason: place for place, reason in enumerate(_FIRST)},
    **{reason: _BETWEEN + 1 + place for place, reason in enumerate(_LAST)},
}
"""Everything else is a cause read from a log, and stands between the two."""

_VARIES = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z|at least \d+ times")
_COUNTED = re.compile(r" \(\d+ of \d+ pods\)$")


def ranked(findings: Iterable[Finding], *, pods: int) -> tuple[Finding, ...]:
    """Return the findings, each thing once, the most telling first, of so many pods."""
    groups: dict[tuple[Reason, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.reason, _VARIES.sub("", finding.message)), []).append(finding)
    said_once = [_counted(group, pods=pods) for group in groups.values()]
    return tuple(sorted(said_once, key=lambda finding: _RANK.get(finding.reason, _BETWEEN)))


def without_count(message: str) -> str:
    """Return a message as it was before pods were counted."""
    return _COUNTED.sub("", message)


def _counted(group: list[Finding], *, pods: int) -> Finding:
    first = group[0]
    if len(group) == 1:
        return first
    return replace(
        first,
        message=f"{first.message} ({len(group)} of {pods} pods)",
        stalled=any(finding.stalled for finding in group),
    )
