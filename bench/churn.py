"""`python -m bench.churn`: whether the operator's memory stays flat while fleets come and go.

In: how many rounds of how many resources. Out: its resident memory after each round, when all is
deleted again, and after a rest at the end. The first rounds fill caches and warm the allocator;
what counts is the growth from the third round to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp

from bed import api as bed
from bed.errors import BedError
from bed.progress import to_stderr
from bench import access, backlog
from bench.access import Access
from bench.errors import BenchError
from bench.measure import ROOT, WATCHES_RUN
from bench.subject import Subject, running
from bench.workload import NAMESPACE, Body, expected, resources
from cosmos3_operator.cluster.requests import path_of
from cosmos3_operator.reconcile.kinds import CHILDREN, COMPONENTS, PODS, RESOURCES

WARM_ROUNDS = 3
GOAL_MIB = 4.0
"""Five rounds of 200 resources: a leak of one small object of 4 KiB for each would reach it. What
was measured is 0.6."""
PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.5
REST_SECONDS = 5.0
"""Longer than the operator waits before it believes that what a new list did not show is gone."""


@dataclass(frozen=True, kw_only=True)
class Churn:
    """What came of it."""

    resources: int
    rounds_mib: tuple[float, ...]
    rested_mib: float
    peak_mib: float
    round_seconds: tuple[float, ...]

    @property
    def growth_mib(self) -> float:
        """Return the growth from the first warm round to the last."""
        return self.rounds_mib[-1] - self.rounds_mib[WARM_ROUNDS - 1]

    def text(self, *, goal: float) -> str:
        """Write it for people."""
        rounds = ", ".join(f"{one:.1f}" for one in self.rounds_mib)
        word = "within goal" if self.growth_mib <= goal else "above goal"
        return (
            f"{len(self.rounds_mib)} rounds of {self.resources} resources, each created, served by "
            f"one pod and deleted\n"
            f"resident after each round: {rounds} MiB; after a rest {self.rested_mib:.1f} MiB; "
            f"peak {self.peak_mib:.1f} MiB\n"
            f"{word}  growth from round {WARM_ROUNDS} to the last: {self.growth_mib:+.1f} MiB, "
            f"goal {goal:g}"
        )


def main() -> int:
    """Measure and print; 0 if there are figures, good or bad."""
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="cosmos3-bench-") as name:
            churn = measure(
                Path(name),
                rounds=options.rounds,
                number=options.resources,
                command=shlex.split(options.operator),
            )
    except (BenchError, BedError) as error:
        to_stderr(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        to_stderr("bench: interrupted; what had been started is ended")
        return 130
    print(churn.text(goal=options.goal))
    if options.json:
        data = asdict(churn) | {"growth_mib": churn.growth_mib}
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(folder: Path, *, rounds: int, number: int, command: Sequence[str]) -> Churn:
    """Run it on a control plane of its own; nothing outlives the call."""
    cluster = bed.up(folder / "bed", controllers=False)
    try:
        return asyncio.run(_on(cluster, folder, rounds=rounds, number=number, command=command))
    finally:
        bed.down(folder / "bed")


async def _on(
    cluster: bed.Cluster, folder: Path, *, rounds: int, number: int, command: Sequence[str]
) -> Churn:
    way = Access(
        server=cluster.server, ca=cluster.ca, cert=cluster.admin_cert, key=cluster.admin_key
    )
    words = [*command, f"--kubeconfig={cluster.kubeconfig}", "--listen=127.0.0.1:0"]
    async with way.session(limit=0) as session:
        await backlog.prepare(session)
        await _allow_pods(session)
        async with running(words, log=folder / "log", core=None, cwd=ROOT) as subject:
            await subject.says(WATCHES_RUN, within=PATIENCE_SECONDS)
            return await _rounds(session, subject, rounds=rounds, number=number)


async def _rounds(
    session: aiohttp.ClientSession, subject: Subject, *, rounds: int, number: int
) -> Churn:
    mib, seconds = [], []
    for one in range(1, rounds + 1):
        began = time.monotonic()
        await _round(session, resources(number))
        await asyncio.sleep(REST_SECONDS)
        mib.append(subject.resident_mib())
        seconds.append(time.monotonic() - began)
        to_stderr(f"round {one} of {rounds}: {mib[-1]:.1f} MiB, {seconds[-1]:.0f} s")
    await asyncio.sleep(2 * REST_SECONDS)
    return Churn(
        resources=number,
        rounds_mib=tuple(mib),
        rested_mib=subject.resident_mib(),
        peak_mib=subject.peak_mib(),
        round_seconds=tuple(seconds),
    )


async def _round(session: aiohttp.ClientSession, bodies: list[dict[str, Any]]) -> None:
    """Create, wait until each has a status, give each a pod, and delete everything."""
    stored = await backlog.load(session, bodies)
    await _until_all_have_a_status(session, len(stored))
    pods = path_of(PODS, namespace=NAMESPACE)
    for body in stored:
        await access.post(session, pods, _pod(body))
    for kind in RESOURCES.values():
        await access.delete(session, path_of(kind, namespace=NAMESPACE))
    await access.delete(session, f"{pods}?gracePeriodSeconds=0")
    for body in stored:
        await _delete_children(session, body)
    await _until_empty(session)


async def _delete_children(session: aiohttp.ClientSession, body: Body) -> None:
    """Do what the garbage collector would, which does not run here."""
    for ref in expected(body).children:
        path = f"{path_of(CHILDREN[ref.kind], namespace=NAMESPACE)}/{ref.name}"
        async with session.delete(path) as response:
            await response.read()
        if ref.kind == "PersistentVolumeClaim":
            await access.merge(session, path, {"metadata": {"finalizers": None}})


async def _until_all_have_a_status(session: aiohttp.ClientSession, number: int) -> None:
    async def done() -> bool:
        found = 0
        for kind in RESOURCES.values():
            page = await access.get_json(session, path_of(kind, namespace=NAMESPACE))
            found += sum(bool(item.get("status")) for item in page["items"])
        return found == number

    await _until(done, f"{number} statuses")


async def _until_empty(session: aiohttp.ClientSession) -> None:
    async def done() -> bool:
        for kind in (*RESOURCES.values(), *CHILDREN.values(), PODS):
            page = await access.get_json(session, path_of(kind, namespace=NAMESPACE))
            if page["items"]:
                return False
        return True

    await _until(done, "an empty namespace")


async def _until(done: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await done():
        if time.monotonic() > deadline:
            raise BenchError(f"{what} did not come within {PATIENCE_SECONDS:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


async def _allow_pods(session: aiohttp.ClientSession) -> None:
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    await access.post(session, accounts, {"metadata": {"name": "default"}})


def _pod(body: Body) -> dict[str, Any]:
    component = next(word for word, kind in COMPONENTS.items() if kind == body["kind"])
    name = body["metadata"]["name"]
    return {
        "metadata": {
            "name": f"{name}-{component}-0",
            "labels": {
                "app.kubernetes.io/managed-by": "cosmos3-operator",
                "app.kubernetes.io/component": component,
                "app.kubernetes.io/instance": name,
            },
        },
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "server", "image": "example/server:1"}],
        },
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.churn", description=__doc__)
    add = parser.add_argument
    add("--resources", "-N", type=int, default=200, help="in each round (%(default)s)")
    add("--rounds", type=int, default=8, help=f"more than {WARM_ROUNDS} (%(default)s)")
    add("--goal", type=float, default=GOAL_MIB, help="growth in MiB (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file")
    add(
        "--operator",
        default=f"{Path(sys.executable).with_name('cosmos3-operator')} run",
        metavar="COMMAND",
        help="the operator's command line (%(default)s)",
    )
    return parser


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
