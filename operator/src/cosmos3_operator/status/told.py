"""Findings from what a container printed before it ended.

In: a container that ended, its termination message and, where it was read, the log of that run.
Out: a finding whose evidence is the telling line, or that line alone where no rule knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cosmos3_operator.diagnosis.diagnose import INIT, SERVER, Diagnosis, Ended, best_line, diagnose
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.ended import ended_log, is_stalled
from cosmos3_operator.status.evidence import LOGS
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.reading import Container, Pod, init_containers_of, name_of

_UNREAD = (
    "The operator has not read that log, where more may stand: its role lacks get on pods/log, or "
    "it runs with --no-pod-logs"
)


def told_by(
    plan: Plan, observation: Observation, pod: Pod, container: Container, end: Mapping[str, Any]
) -> Diagnosis | None:
    """Return why a container ended, None if no rule knows what it printed."""
    return diagnose(plan, _ended(observation, pod, container, end))


def told_finding(
    told: Diagnosis, pod: Pod, container: Container, end: Mapping[str, Any], *, what: str
) -> Finding:
    """Return a diagnosis as a finding; `what` names the container."""
    return Finding(
        reason=told.reason,
        message=f"{what} ended with exit code {end.get('exitCode')}: {told.what}",
        evidence=told.evidence,
        remedy=told.remedy,
        pod=name_of(pod),
        stalled=told.lasting or is_stalled(container),
    )


def with_best_line(
    finding: Finding,
    plan: Plan,
    observation: Observation,
    pod: Pod,
    container: Container,
    end: Mapping[str, Any],
) -> Finding:
    """Return a finding that quotes the line which is most likely to tell, if there is any."""
    line = best_line(plan, _ended(observation, pod, container, end))
    remedy = finding.remedy
    if LOGS in observation.evidence.refused:
        remedy = f"{remedy}. {_UNREAD}"
    return replace(finding, evidence=line or finding.evidence, remedy=remedy)


def _ended(
    observation: Observation, pod: Pod, container: Container, end: Mapping[str, Any]
) -> Ended:
    code = end.get("exitCode")
    first = {one.get("name") for one in init_containers_of(pod)}
    return Ended(
        exit_code=None if code is None else int(code),
        termination_message=str(end.get("message") or ""),
        log=ended_log(observation.evidence, pod, container),
        container=INIT if container.get("name") in first else SERVER,
    )
