"""`make compat`: every command line that the planner writes, judged by the servers' own code.

The newest servers are started as well (`servers.checks`), unless only one version or the snapshots
are asked for.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from types import FrameType

from rich.console import Console

from bed.errors import BedError
from bed.progress import Ticker, clock, to_stderr
from compat import environments, report, snapshots
from compat.commands import Command, golden
from compat.drawn import drawn
from compat.errors import CompatError
from compat.store import Environment
from compat.subjects import Row, Subject, rows, subjects
from compat.trial import Result, try_out
from servers.checks import check as check_servers
from servers.errors import ServerError

WIDTH = 140
"""Of the table where there is no terminal."""


def main() -> int:
    """Try, print, and answer with the exit code: 0 only if everything agrees."""
    # The end of this process must be the end of what it runs.
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args()
    try:
        return _check(options)
    except (CompatError, BedError, ServerError) as error:
        to_stderr(f"compat: {error}")
        return 1
    except KeyboardInterrupt:
        to_stderr("compat: interrupted")
        return 130


def _check(options: argparse.Namespace) -> int:
    wanted = _chosen(options.only)
    tried = _try_all(wanted, _by_subject(rows()), keep=options.keep)
    if options.update:
        tried = {name: _updated(result) for name, result in tried.items()}
    started = check_servers() if _are_servers_wanted(options) else []
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    report.show(console, rows(), tried, started)
    failed = [*filter(None, (result.failures for result in tried.values()))]
    return 1 if failed or any(outcome.failed for outcome in started) else 0


def _are_servers_wanted(options: argparse.Namespace) -> bool:
    wanted: bool | None = options.servers
    return wanted if wanted is not None else not (options.only or options.update)


def _chosen(names: Sequence[str]) -> list[Subject]:
    known = {subject.name: subject for subject in subjects()}
    if unknown := [name for name in names if name not in known]:
        raise CompatError(f"nothing is called {', '.join(unknown)}: there are {', '.join(known)}")
    return [known[name] for name in names] if names else list(known.values())


def _by_subject(rows: Iterable[Row]) -> dict[str, list[Command]]:
    """Return the commands for each subject, by its name."""
    committed = list(golden())
    found: dict[str, list[Command]] = {}
    for row in rows:
        own = [c for c in committed if (c.runtime, c.surface) == (row.runtime, row.surface)]
        for subject in row.subjects:
            found.setdefault(subject.name, []).extend((*own, *drawn(row.runtime, row.surface)))
    return found


def _try_all(
    wanted: Sequence[Subject], commands: Mapping[str, Sequence[Command]], *, keep: bool
) -> dict[str, Result]:
    results: dict[str, Result] = {}
    for recipe, sharing in groupby(wanted, key=lambda subject: subject.recipe):
        with environments.borrow(recipe.name, keep=keep) as environment:
            for subject in sharing:
                label = f"[{len(results) + 1}/{len(wanted)}] {subject.name}"
                own = commands.get(subject.name, ())
                results[subject.name] = _try_one(label, subject, environment, own)
    if not keep:
        environments.discard()
    return results


def _try_one(
    label: str, subject: Subject, environment: Environment, commands: Sequence[Command]
) -> Result:
    with Ticker(lambda: f"{label}: asking its own code") as ticker:
        result = try_out(subject, environment, commands)
    wrong = len(result.failures)
    how = f"{wrong} failures" if wrong else "all as claimed"
    to_stderr(f"{label}: {len(commands)} commands in {clock(ticker.elapsed)}, {how}")
    return result


def _updated(result: Result) -> Result:
    """Write a snapshot that has changed."""
    if result.stale:
        snapshots.write(result.snapshot)
        to_stderr(f"{result.subject.name}: snapshot written, {len(result.stale)} differences")
    return replace(result, stale=())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="compat", description=__doc__)
    add = parser.add_argument
    add(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="one engine in one version, e.g. vllm-omni-0.30.0; may be repeated",
    )
    add("--update", action="store_true", help="rewrite the snapshots of flags that are stale")
    add(
        "--servers",
        action=argparse.BooleanOptionalAction,
        help="start the newest servers too, on the CPU (minutes, 3 GiB of memory); by default "
        "unless --only or --update is given",
    )
    add(
        "--keep",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep environments (6 to 7 GB each, mostly shared), or remove each after use",
    )
    return parser


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
