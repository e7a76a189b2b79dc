"""One run: a fresh control plane, a backlog, and one process that works it off.

In: who, and how much. Out: a `Run`, and the objects that were made, so that the two subjects can be
held to the same result. Nothing outlives the call.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from bed import api as bed
from bench import access, backlog, floor, procfs
from bench.access import Access
from bench.counters import (
    Writes,
    by_verb_and_resource,
    difference,
    parse_writes,
    refused,
)
from bench.errors import BenchError
from bench.figures import FLOOR, OPERATOR, Rest, Run
from bench.subject import Subject, running
from bench.witness import Witness
from bench.workload import NAMESPACE, Body, Expected, essence, expected, resources
from cosmos3_operator.cluster.requests import path_of
from cosmos3_operator.reconcile.kinds import CHILDREN, RESOURCES

ROOT = Path(__file__).resolve().parent.parent
WATCHES_RUN = "all watches run"
SETTLE_SECONDS = 2.0
"""After everything is there: a write that was not needed would come now."""
QUIET_SECONDS = 3.0
KINDS = (*RESOURCES.values(), *CHILDREN.values())

Objects = dict[tuple[str, str], Any]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line says."""

    resources: int
    workers: int
    rest_seconds: float
    core: int | None
    operator: tuple[str, ...]

    @property
    def patience_seconds(self) -> float:
        """Return how long to wait for anything: many times what it should take."""
        return 120.0 + self.resources


@dataclass(frozen=True)
class Meter:
    """What the machine had done when somebody looked, and when that was."""

    server: Mapping[str, float]
    busy: float
    own: float
    at: float = field(default_factory=time.monotonic)

    def until(self, now: Meter, *, subject: float) -> dict[str, Any]:
        """Return the difference, the rest after what we know of being somebody else's."""
        server = {name: round(now.server[name] - self.server[name], 2) for name in self.server}
        known = sum(server.values()) + (now.own - self.own) + subject
        elsewhere = (now.busy - self.busy - known) / (now.at - self.at)
        return {"server_cpu_seconds": server, "busy_elsewhere": max(0.0, elsewhere)}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A control plane with a backlog."""

    settings: Settings
    cluster: bed.Cluster
    folder: Path
    session: aiohttp.ClientSession
    access: Access
    expected: Sequence[Expected]
    witness: Witness

    async def writes(self) -> Writes:
        """Count the writes so far."""
        page = await access.get_text(self.session, "/metrics")
        return parse_writes(page, resources=[kind.plural for kind in KINDS])

    def meter(self) -> Meter:
        """Begin to measure what the machine does."""
        return Meter(self.server_cpu(), procfs.read_busy_seconds(), time.process_time())

    def server_cpu(self) -> dict[str, float]:
        """Read the processor time of the control plane so far."""
        return {name: procfs.read_cpu_seconds(pid) for name, pid in self.cluster.pids.items()}


def measure(subject: str, *, number: int, settings: Settings) -> tuple[Run, Objects]:
    """Run one subject once, on a control plane of its own."""
    with tempfile.TemporaryDirectory(prefix="cosmos3-bench-") as name:
        folder = Path(name)
        cluster = bed.up(folder / "bed", controllers=False)
        try:
            return asyncio.run(_on(cluster, folder, subject, number=number, settings=settings))
        finally:
            bed.down(folder / "bed")


async def _on(
    cluster: bed.Cluster, folder: Path, subject: str, *, number: int, settings: Settings
) -> tuple[Run, Objects]:
    way = Access(
        server=cluster.server, ca=cluster.ca, cert=cluster.admin_cert, key=cluster.admin_key
    )
    async with way.session(limit=0) as session:
        await backlog.prepare(session)
        stored = await backlog.load(session, resources(settings.resources))
        wanted = [expected(body) for body in stored]
        witness = _witness(stored, wanted)
        scene = Scene(
            settings=settings,
            cluster=cluster,
            folder=folder,
            session=session,
            access=way,
            expected=wanted,
            witness=witness,
        )
        async with witness.watching(session):
            run = await (_floor if subject == FLOOR else _operator)(scene, number)
        return run, await _objects(session)


def _witness(stored: Sequence[Body], wanted: Sequence[Expected]) -> Witness:
    return Witness(
        children=[(ref.kind, ref.name) for one in wanted for ref in one.children],
        resources=[(body["kind"], body["metadata"]["name"]) for body in stored],
    )


async def _floor(scene: Scene, number: int) -> Run:
    path = scene.folder / "requests"
    floor.write_requests(path, [request for one in scene.expected for request in one.requests])
    way = scene.access
    command = [
        *(sys.executable, "-m", "bench.floor", str(path)),
        *(f"--server={way.server}", f"--ca={way.ca}", f"--cert={way.cert}", f"--key={way.key}"),
        f"--workers={scene.settings.workers}",
    ]
    before, meter = await scene.writes(), scene.meter()
    async with _running(scene, command) as subject:
        said = json.loads(await subject.output())
        await scene.witness.complete(within=scene.settings.patience_seconds)
        used = meter.until(scene.meter(), subject=said["processSeconds"])
    return await _run(
        scene,
        before=before,
        subject=FLOOR,
        round=number,
        ready_seconds=said["seconds"],
        total_seconds=_end(scene) - subject.started,
        cpu_seconds=said["cpuSeconds"],
        **used,
    )


async def _operator(scene: Scene, number: int) -> Run:
    patience = scene.settings.patience_seconds
    before = await scene.writes()
    async with _running(scene, _operator_command(scene)) as subject:
        watching = await subject.says(WATCHES_RUN, within=patience)
        meter, start_cpu = scene.meter(), subject.cpu_seconds()
        await _unless_it_ends(subject, scene.witness.complete(within=patience))
        cpu_seconds = subject.cpu_seconds() - start_cpu
        used = meter.until(scene.meter(), subject=cpu_seconds)
        await asyncio.sleep(SETTLE_SECONDS)
        run = await _run(
            scene,
            before=before,
            subject=OPERATOR,
            round=number,
            ready_seconds=_end(scene) - watching,
            total_seconds=_end(scene) - subject.started,
            cpu_seconds=cpu_seconds,
            start_cpu_seconds=start_cpu,
            peak_mib=subject.peak_mib(),
            **used,
        )
        rested = await _rest(scene, subject)
    if rested is not None:
        requests, changes = await _restart(scene)
        run = replace(run, rest=Rest(**rested, restart_requests=requests, restart_changes=changes))
    return replace(run, stop_seconds=subject.stop_seconds)


async def _rest(scene: Scene, subject: Subject) -> dict[str, Any] | None:
    """Let the operator be, and count what it does all the same."""
    seconds = scene.settings.rest_seconds
    if seconds <= 0:
        return None
    before, cpu = await scene.writes(), subject.cpu_seconds()
    await _unless_it_ends(subject, asyncio.sleep(seconds))
    writes = difference(await scene.writes(), before).total()
    return {"seconds": seconds, "writes": writes, "cpu_seconds": subject.cpu_seconds() - cpu}


async def _restart(scene: Scene) -> tuple[int, dict[str, int]]:
    """Start another operator on what is right already; count its requests and what they changed."""
    before, changes = await scene.writes(), scene.witness.changes.copy()
    async with _running(scene, _operator_command(scene)) as subject:
        await subject.says(WATCHES_RUN, within=scene.settings.patience_seconds)
        last = before
        while True:
            await _unless_it_ends(subject, asyncio.sleep(QUIET_SECONDS))
            now = await scene.writes()
            if now == last:
                return difference(now, before).total(), dict(scene.witness.changes - changes)
            last = now


def _operator_command(scene: Scene) -> list[str]:
    return [
        *scene.settings.operator,
        f"--kubeconfig={scene.cluster.kubeconfig}",
        "--listen=127.0.0.1:0",
        f"--workers={scene.settings.workers}",
    ]


def _running(scene: Scene, command: Sequence[str]) -> Any:
    return running(command, log=scene.folder / "log", core=scene.settings.core, cwd=ROOT)


async def _run(scene: Scene, *, before: Writes, **figures: Any) -> Run:
    witness = scene.witness
    assert witness.first is not None
    writes = difference(await scene.writes(), before)
    return Run(
        resources=scene.settings.resources,
        work_seconds=_end(scene) - witness.first,
        writes={
            f"{verb} {resource}": count
            for (verb, resource), count in sorted(by_verb_and_resource(writes).items())
        },
        refused=refused(writes),
        **figures,
    )


async def _unless_it_ends(subject: Subject, awaited: Awaitable[Any]) -> None:
    """Wait for something, but not for a process that is gone."""
    waiting = asyncio.ensure_future(awaited)
    ending = asyncio.ensure_future(subject.wait())
    try:
        await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
        (ending if ending.done() else waiting).result()
    finally:
        waiting.cancel()
        ending.cancel()


def _end(scene: Scene) -> float:
    assert scene.witness.last is not None
    return scene.witness.last


async def _objects(session: aiohttp.ClientSession) -> Objects:
    """Read back everything that exists, without what differs between two clusters."""
    found: Objects = {}
    for kind in KINDS:
        page = await access.get_json(session, path_of(kind, namespace=NAMESPACE))
        for item in page["items"]:
            found[kind.kind, item["metadata"]["name"]] = essence(item)
    return found


def same(one: Objects, other: Objects) -> None:
    """Insist that two runs made the same objects: only then can their times be compared."""
    found = difference_of(one, other)
    if found is not None:
        raise BenchError(f"two runs made different objects, so their times say nothing: {found}")


def difference_of(one: Any, other: Any, path: str = "") -> str | None:
    """Return where two values differ first, and how; None if they do not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return _first(
            difference_of(one.get(name), other.get(name), f"{path}.{_text(name)}")
            for name in sorted(one.keys() | other.keys())
        )
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return _first(
            difference_of(ours, theirs, f"{path}[{index}]")
            for index, (ours, theirs) in enumerate(zip(one, other, strict=True))
        )
    return None if one == other else f"{path.lstrip('.')}: {json.dumps(one)} / {json.dumps(other)}"


def _first(differences: Iterable[str | None]) -> str | None:
    return next((found for found in differences if found is not None), None)


def _text(name: Any) -> str:
    return "/".join(name) if isinstance(name, tuple) else str(name)
