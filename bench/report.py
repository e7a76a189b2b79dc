"""The result for people (tables on a terminal) and for programs (JSON)."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import FLOOR, OPERATOR, Run, Spread, Summary
from bench.measure import Settings


def machine() -> dict[str, Any]:
    """Describe where this was measured."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(one, 2) for one in os.getloadavg()],
    }


def to_json(
    runs: Sequence[Run], summary: Summary, *, settings: Settings, machine: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything, as data."""
    verdicts = [asdict(verdict) | {"within": verdict.within} for verdict in summary.verdicts]
    return {
        "machine": dict(machine),
        "settings": asdict(settings),
        "runs": [asdict(run) for run in runs],
        "summary": {**asdict(summary), "verdicts": verdicts},
    }


def show(
    console: Console,
    runs: Sequence[Run],
    summary: Summary,
    *,
    settings: Settings,
    shares: Mapping[str, int],
) -> None:
    """Print the tables and the verdicts."""
    console.print(_times(runs, summary, settings=settings, shares=shares))
    console.print(_writes(runs))
    for line in _rest(runs):
        console.print(line)
    console.print()
    for verdict in summary.verdicts:
        word = "[green]within goal[/green]" if verdict.within else "[red]above goal[/red] "
        if verdict.doubt:
            word = "[yellow]in doubt[/yellow]   "
        console.print(f"{word}  {verdict.what}: {verdict.measured:.4g}, goal {verdict.goal:g}")
        if verdict.doubt:
            console.print(f"             ({verdict.doubt})")


def _times(
    runs: Sequence[Run], summary: Summary, *, settings: Settings, shares: Mapping[str, int]
) -> Table:
    mix = ", ".join(f"{count} {kind}s" for kind, count in sorted(shares.items()))
    table = Table(
        title=f"{settings.resources} resources ({mix}), {settings.workers} workers",
        title_justify="left",
        caption="Median of the rounds (lowest…highest); ratios are within a round.",
        caption_justify="left",
    )
    table.add_column("")
    for name in ("bare client", "operator", "ratio"):
        table.add_column(name, justify="right")

    def row(what: str, floor: Spread | None, ours: Spread, ratio: Spread | None, unit: str) -> None:
        digits = 1 if unit in ("/s", " MiB") else 2
        table.add_row(
            what,
            floor.text(digits, unit) if floor else "",
            ours.text(digits, unit),
            ratio.text(2) if ratio else "",
        )

    def spread(subject: str, name: str) -> Spread:
        return Spread.of([getattr(run, name) for run in runs if run.subject == subject])

    row("resources per second", summary.floor_rate, summary.operator_rate, None, "/s")
    for what, name, ratio in (
        ("first write to last", "work_seconds", summary.work_ratio),
        ("able to write to last write", "ready_seconds", summary.ready_ratio),
    ):
        row(what, spread(FLOOR, name), spread(OPERATOR, name), ratio, " s")
    total = spread(OPERATOR, "total_seconds")
    row("process start to last write", None, total, summary.total_ratio, " s")
    for what, name in (
        ("processor time of the process", "cpu_seconds"),
        ("the same, before it was able to write", "start_cpu_seconds"),
    ):
        row(what, spread(FLOOR, name), spread(OPERATOR, name), None, " s")
    for name in runs[0].server_cpu_seconds:
        floor, ours = (
            Spread.of([run.server_cpu_seconds[name] for run in runs if run.subject == subject])
            for subject in (FLOOR, OPERATOR)
        )
        row(f"processor time of {name}", floor, ours, None, " s")
    everything = (spread(FLOOR, "all_cpu_seconds"), spread(OPERATOR, "all_cpu_seconds"))
    row("processor time, process and control plane", *everything, summary.cpu_ratio, " s")
    row(
        "cores busy elsewhere",
        spread(FLOOR, "busy_elsewhere"),
        spread(OPERATOR, "busy_elsewhere"),
        None,
        "",
    )
    row("peak memory", None, summary.peak_mib, None, " MiB")
    return table


def _writes(runs: Sequence[Run]) -> Table:
    table = Table(
        title="Writes per resource, counted by the API server",
        title_justify="left",
        show_footer=True,
    )
    names = sorted({name for run in runs for name in run.writes})
    table.add_column("", footer="all")
    for subject, title in ((FLOOR, "bare client"), (OPERATOR, "operator")):
        everything = Spread.of([_each(run, *names) for run in runs if run.subject == subject])
        table.add_column(title, justify="right", footer=everything.text(3))
    for name in names:
        cells = (
            Spread.of([_each(run, name) for run in runs if run.subject == subject]).text(3)
            for subject in (FLOOR, OPERATOR)
        )
        table.add_row(name, *cells)
    return table


def _each(run: Run, *names: str) -> float:
    return sum(run.writes.get(name, 0) for name in names) / run.resources


def _rest(runs: Sequence[Run]) -> list[str]:
    lines = []
    if refused := sum(run.refused for run in runs):
        lines.append(f"[red]{refused} writes were refused by the API server[/red]")
    for rest in (run.rest for run in runs if run.rest is not None):
        changes = ", ".join(f"{count} {kind}" for kind, count in rest.restart_changes.items())
        lines += [
            f"At rest for {rest.seconds:.0f} s: {rest.writes} writes, "
            f"{rest.cpu_seconds:.2f} s of processor time. "
            f"Restarted: {rest.restart_requests} requests, objects changed: {changes or 'none'}."
        ]
    stops = [run.stop_seconds for run in runs if run.stop_seconds is not None]
    if stops:
        lines.append(f"Stopped on SIGTERM within {Spread.of(stops).text(2, ' s')}.")
    return lines
