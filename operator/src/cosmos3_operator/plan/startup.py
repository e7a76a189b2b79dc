"""How long a pod may take to start and to stop.

In: the checkpoint's sizes and times, and what the user said. Out: `StartupPlan`, `DrainPlan`. A
budget that is too short kills a pod that is still loading, again and again; one that is too long
only delays the restart of a pod that hangs. So every doubt is resolved upward.
"""

from __future__ import annotations

from cosmos3_operator.api.common import ServingSpec
from cosmos3_operator.catalog.types import Checkpoint, MemoryCase, Metrics, SurfaceFacts
from cosmos3_operator.plan.types import DrainPlan, StartupPlan

DOWNLOAD_MIB_PER_SECOND = 50
"""Assumed rate of a cold download: judgement, about half of one gigabit link."""

INIT_MARGIN = 2
"""Factor on the worst published initialisation: slower disks, busier hosts."""

OFFLOAD_INIT_FACTOR = 2
"""Layer-wise offload took 174 s to start where 80 s were needed without (Super, one H200)."""

UNKNOWN_INIT_SECONDS = 1800
"""For models outside the catalog: the value that vLLM-Omni's own recipes use."""

UNKNOWN_DOWNLOAD_GIB = 130.0
"""For models outside the catalog: the largest catalogued checkpoint, rounded up."""

UNKNOWN_JOB_SECONDS = 1200
"""For models outside the catalog: beyond the longest catalogued generation."""

EXIT_SECONDS = 60
"""From the end of the drain to the kill: vLLM-Omni needed up to 20 s to exit on an H200."""


def plan_startup(
    spec: ServingSpec,
    *,
    checkpoint: Checkpoint | None,
    facts: SurfaceFacts | None,
    guardrails_gib: float,
    offload: bool,
    measured: MemoryCase | None = None,
) -> StartupPlan:
    """Return the start-up budget and how it adds up, beside what was measured of this layout."""
    download_gib = 0.0 if spec.hugging_face.offline else guardrails_gib
    if not spec.hugging_face.offline and not spec.model.startswith("/"):
        download_gib += checkpoint.download_gib if checkpoint else UNKNOWN_DOWNLOAD_GIB
    download = _up(download_gib * 1024 / DOWNLOAD_MIB_PER_SECOND, 10)
    worst = facts.init_seconds if facts else UNKNOWN_INIT_SECONDS
    init = _up(worst * INIT_MARGIN * (OFFLOAD_INIT_FACTOR if offload else 1), 10)
    computed = _up(download + init, 60)
    budget = spec.startup_budget_seconds or computed
    return StartupPlan(
        budget_seconds=budget,
        download_gib=round(download_gib, 1),
        download_seconds=download,
        init_seconds=init,
        server_timeout_seconds=budget,
        reason=_why(
            spec,
            _downloading(download_gib, download),
            f"{init} s to load and warm up ("
            + _loading(worst, facts, offload=offload, measured=measured)
            + ")",
        ),
    )


def plan_drain(spec: ServingSpec, *, facts: SurfaceFacts | None, metrics: Metrics) -> DrainPlan:
    """Return how long a stopping pod may finish its work, and what tells that it has."""
    longest = facts.longest_job_seconds if facts else UNKNOWN_JOB_SECONDS
    drain = spec.drain_seconds or _up(longest, 60)
    if spec.drain_seconds:
        reason = "as spec.drainSeconds says"
    elif facts:
        reason = f"the longest catalogued request of this checkpoint takes {longest} s"
    else:
        reason = "more than the longest request of any catalogued checkpoint"
    return DrainPlan(
        drain_seconds=drain,
        grace_seconds=drain + EXIT_SECONDS,
        gauges=metrics.prefix if metrics.live_gauges else "",
        reason=reason,
    )


def _why(spec: ServingSpec, *parts: str) -> str:
    return "as spec.startupBudgetSeconds says" if spec.startup_budget_seconds else ", ".join(parts)


def _downloading(gib: float, seconds: int) -> str:
    if not gib:
        return "nothing to download"
    return f"{seconds} s to download {gib:.1f} GiB at {DOWNLOAD_MIB_PER_SECOND} MiB/s"


def _loading(
    worst: int, facts: SurfaceFacts | None, *, offload: bool, measured: MemoryCase | None
) -> str:
    """Say how the time to load was scaled, and what it is scaled from."""
    factors = f"{INIT_MARGIN} × {worst} s"
    if offload:
        factors += f" × {OFFLOAD_INIT_FACTOR} for offload"
    known = "the worst case in the catalog" if facts else "a guess, for an unknown model"
    seen = f"; {measured.ready_seconds} s {measured.source}" if measured else ""
    return f"{factors}, {known}{seen}"


def _up(value: float, step: int) -> int:
    """Round up to a multiple of `step`."""
    return int(-(-value // step) * step)
