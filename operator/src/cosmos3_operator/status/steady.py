"""Words that stay the same while what they say does.

In: new findings, and `status.findings` as last written. Out: the new findings, with the earlier
evidence where it is evidence of the same. Components put ports, addresses and identifiers into
their texts that differ each time; without this, a status would be written anew for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.ranking import without_count

_TOLD_BY_OTHERS = frozenset(
    {
        Reason.IMAGE_PULL_FAILED,
        Reason.RUNTIME_REFUSED,
        Reason.VOLUME_NOT_BOUND,
        Reason.VOLUME_MOUNT_FAILED,
        Reason.POD_SANDBOX_FAILED,
        Reason.CONFIGURATION_MISSING,
        Reason.NOT_ANSWERING,
        Reason.LIVENESS_FAILED,
        Reason.STARTUP_BUDGET_EXCEEDED,
        Reason.NO_CUDA_DEVICE,
        Reason.DEVICE_BROKEN,
    }
)
"""Reasons whose message says all, so that other words with it are not news."""


def as_before(findings: Sequence[Finding], previous: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return the findings, each with the evidence that was given for it before."""
    known = {
        (str(item.get("reason")), str(item.get("message"))): str(item.get("evidence") or "")
        for item in previous
    }
    return [_with(finding, known) for finding in findings]


def _with(finding: Finding, known: Mapping[tuple[str, str], str]) -> Finding:
    if finding.reason not in _TOLD_BY_OTHERS:
        return finding
    before = known.get((str(finding.reason), without_count(finding.message)[:1024]), "")
    return replace(finding, evidence=before) if before else finding
