"""`make bench`: the operator against the floor, in alternating order, with medians and spread."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from rich.console import Console

from bed.errors import BedError
from bed.progress import to_stderr
from bench import measure, report
from bench.errors import BenchError
from bench.figures import Goals, Run, order, summarize
from bench.measure import Settings
from bench.workload import resources, shares

WIDTH = 120
"""Of the tables where there is no terminal."""
GOALS = Goals(ratio=1.5, peak_mib=120)


def main() -> int:
    """Measure, print, and answer with the exit code: 0 if there are figures, good or bad."""
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args()
    settings = Settings(
        resources=options.resources,
        workers=options.workers,
        rest_seconds=options.rest,
        core=options.core,
        operator=tuple(shlex.split(options.operator)),
    )
    goals = Goals(ratio=options.goal_ratio, peak_mib=options.goal_memory)
    machine = report.machine()
    try:
        runs = _rounds(options.rounds, settings)
    except (BenchError, BedError) as error:
        to_stderr(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        to_stderr("bench: interrupted; what had been started is ended")
        return 130
    summary = summarize(runs, goals=goals)
    report.show(
        Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH),
        runs,
        summary,
        settings=settings,
        shares=shares(resources(settings.resources)),
    )
    if options.json:
        data = report.to_json(runs, summary, settings=settings, machine=machine)
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


def _rounds(number: int, settings: Settings) -> list[Run]:
    runs: list[Run] = []
    made: measure.Objects | None = None
    for one in range(1, number + 1):
        for subject in order(one):
            to_stderr(f"round {one} of {number}, {subject}: control plane and backlog …")
            run, objects = measure.measure(subject, number=one, settings=settings)
            to_stderr(f"  {run.work_seconds:.2f} s of work, {run.rate:.1f} resources/s")
            if made is not None:
                measure.same(made, objects)
            made = objects
            runs.append(run)
    return runs


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    add = parser.add_argument
    add("--resources", "-N", type=_positive, default=300, help="size of the backlog (%(default)s)")
    add("--rounds", type=_positive, default=3, help="how often each is measured (%(default)s)")
    add("--workers", type=_positive, default=32, help="requests in flight (%(default)s)")
    add(
        "--rest",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="then count writes at rest and after a restart; 0: do not (%(default)s)",
    )
    add("--core", type=int, help="keep whoever is measured on this processor")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file")
    add(
        "--operator",
        default=f"{Path(sys.executable).with_name('cosmos3-operator')} run",
        metavar="COMMAND",
        help="the operator's command line (%(default)s)",
    )
    add("--goal-ratio", type=float, default=GOALS.ratio, help="(%(default)s)")
    add("--goal-memory", type=float, default=GOALS.peak_mib, help="in MiB (%(default)s)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
