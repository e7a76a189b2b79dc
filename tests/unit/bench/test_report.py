"""The tables, and the same as data."""

from __future__ import annotations

import io
import json

from bench import report
from bench.figures import FLOOR, OPERATOR, Goals, Rest, Run, summarize
from bench.measure import Settings
from rich.console import Console

SETTINGS = Settings(resources=100, workers=32, rest_seconds=5, core=None, operator=("operator",))


def some_runs() -> list[Run]:
    shared = {
        "round": 1,
        "resources": 100,
        "total_seconds": 9.0,
        "writes": {"APPLY deployments": 100, "APPLY services": 100},
        "refused": 0,
        "cpu_seconds": 1.0,
        "server_cpu_seconds": {"etcd": 0.5},
    }
    rest = Rest(
        seconds=5, writes=0, cpu_seconds=0.0, restart_requests=200, restart_changes={"Service": 3}
    )
    return [
        Run(subject=FLOOR, work_seconds=2.0, ready_seconds=2.0, **shared),
        Run(
            subject=OPERATOR,
            work_seconds=4.0,
            ready_seconds=4.0,
            peak_mib=100.0,
            rest=rest,
            stop_seconds=0.1,
            **shared,
        ),
    ]


def test_the_tables_name_every_figure_and_the_verdicts_their_goals() -> None:
    runs = some_runs()
    console = Console(file=io.StringIO(), width=120)
    summary = summarize(runs, goals=Goals(ratio=1.5, peak_mib=120))
    report.show(console, runs, summary, settings=SETTINGS, shares={"CosmosReasoner": 100})
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in (
        "100 resources (100 CosmosReasoners), 32 workers",
        "50.0/s",
        "APPLY services",
        "At rest for 5 s: 0 writes",
        "objects changed: 3 Service",
        "above goal   time against the floor: 2, goal 1.5",
        "within goal  peak memory in MiB: 100, goal 120",
    ):
        assert words in text


def test_everything_can_be_written_as_json() -> None:
    runs = some_runs()
    summary = summarize(runs, goals=Goals(ratio=1.5, peak_mib=120))
    data = report.to_json(runs, summary, settings=SETTINGS, machine=report.machine())
    again = json.loads(json.dumps(data))
    assert again["summary"]["work_ratio"]["median"] == 2.0
    assert again["summary"]["verdicts"][0]["within"] is False
