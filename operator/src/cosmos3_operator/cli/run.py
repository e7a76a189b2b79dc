"""`cosmos3-operator run`: puts the rooms together and keeps them running until told to stop.

In: options. Out: an exit code. The order of stopping is the point: readiness first, then the
watches, then the queue; passes that run get twenty seconds to end; then the process exits with 0.
A second signal exits at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from cosmos3_operator import __version__
from cosmos3_operator.api.resource import parse
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.cli.leadership import (
    Leadership,
    LeadershipLost,
    LeadershipOptions,
    leadership,
    leadership_options,
)
from cosmos3_operator.cli.options import preflight_image_option
from cosmos3_operator.cli.telemetry import Telemetry, now
from cosmos3_operator.cli.tracing import traced, tracing_option
from cosmos3_operator.cluster.access import Access
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import AccessError
from cosmos3_operator.cluster.kubeconfig import find_access
from cosmos3_operator.cluster.session import Sessions
from cosmos3_operator.cluster.trace import NO_TRACER, Tracer
from cosmos3_operator.diagnosis.redact import redact
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.settings import Settings
from cosmos3_operator.reconcile.backoff import Backoff
from cosmos3_operator.reconcile.evidence import READS_AT_ONCE, EvidenceReader
from cosmos3_operator.reconcile.fetch import Fetcher
from cosmos3_operator.reconcile.gather import FactsCache
from cosmos3_operator.reconcile.kinds import MANAGER, Key
from cosmos3_operator.reconcile.memo import Memo
from cosmos3_operator.reconcile.pipeline import Pipeline
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.reconciler import Reconciler
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.reconcile.workers import Workers
from cosmos3_operator.serve import logs
from cosmos3_operator.serve.health import Health, Server, make_app
from cosmos3_operator.status.asks import asks
from cosmos3_operator.status.hold import hold
from cosmos3_operator.status.summarize import summarize, summarize_failure, summarize_invalid
from cosmos3_operator.watch.engine import Engine
from cosmos3_operator.watch.feed import Feed
from cosmos3_operator.watch.relist import Relists
from cosmos3_operator.watch.traffic import Traffic, Watches

logger = logging.getLogger(__name__)

FEWEST_CONNECTIONS = 8
LEASE_CONNECTIONS = 2
"""The election has a session of its own: busy workers must not keep the Lease from its renewal."""


def pipeline(settings: Settings, *, catalog: Catalog | None = None) -> Pipeline:
    """Return the real core, by default with the catalog of this release."""
    return Pipeline(
        parse=parse,
        make_plan=partial(make_plan, settings=settings, catalog=catalog),
        render=render,
        hold=hold,
        asks=asks,
        summarize=summarize,
        summarize_invalid=summarize_invalid,
        summarize_failure=summarize_failure,
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    namespaces: tuple[str, ...] = ()
    host: str = "0.0.0.0"  # noqa: S104 - the kubelet probes the pod's address
    port: int = 8080
    workers: int = 32
    resync_seconds: float = 1800.0
    pod_logs: bool = True
    leadership: LeadershipOptions = field(default_factory=LeadershipOptions)


class ListenAddress(click.ParamType[tuple[str, int]]):
    """HOST:PORT, with brackets around an IPv6 host."""

    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Split and check the address."""
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT", param, ctx)
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Kubeconfig file to use.")
@click.option("--context", help="Context of the kubeconfig; default: its current one.")
@click.option(
    "--namespace", "-n", "namespaces", multiple=True, help="Serve this namespace only; repeatable."
)
@click.option(
    "--listen",
    type=ListenAddress(),
    default="0.0.0.0:8080",
    show_default=True,
    help="Address of /healthz, /readyz and /metrics.",
)
@preflight_image_option
@leadership_options
@click.option("--workers", type=click.IntRange(1, 512), default=32, show_default=True)
@click.option(
    "--resync-seconds",
    type=click.FloatRange(min=1),
    default=1800,
    show_default=True,
    help="Apply everything again after this time, changed or not.",
)
@click.option(
    "--pod-logs/--no-pod-logs",
    default=True,
    show_default=True,
    help="Read the last lines of containers that fail or load long, to say why; needs `get` on"
    " pods/log.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    show_default=True,
    help="auto: text at a terminal, else JSON.",
)
@tracing_option
def run(  # noqa: PLR0913 - one for each option
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespaces: tuple[str, ...],
    listen: tuple[str, int],
    preflight_image: str,
    elect: bool,
    lease_namespace: str,
    lease_name: str,
    lease_seconds: float,
    workers: int,
    resync_seconds: float,
    pod_logs: bool,
    log_level: str,
    log_format: logs.Format,
    tracing: str,
) -> None:
    """Run the operator against the current cluster until SIGTERM or Ctrl-C."""
    logs.configure(level=log_level, log_format=log_format)
    options = Options(
        namespaces=namespaces,
        host=listen[0],
        port=listen[1],
        workers=workers,
        resync_seconds=resync_seconds,
        pod_logs=pod_logs,
        leadership=LeadershipOptions(
            elect=elect, namespace=lease_namespace, name=lease_name, seconds=lease_seconds
        ),
    )
    settings = Settings(preflight_image=preflight_image)
    try:
        access = find_access(kubeconfig=kubeconfig, context=context, environ=os.environ)
        logger.info("cosmos3-operator %s on %s, %s", __version__, access.server, access.source)
        with traced(tracing) as tracer:
            work = operate(options, access=access, pipeline=pipeline(settings), tracer=tracer)
            asyncio.run(work)
    except (AccessError, LeadershipLost) as error:
        raise click.ClickException(str(error)) from error


async def operate(
    options: Options, *, access: Access, pipeline: Pipeline, tracer: Tracer = NO_TRACER
) -> None:
    """Run everything until a signal comes, then stop in order."""
    stop = asyncio.Event()
    signals = Signals(stop)
    signals.claim()
    sessions = Sessions(access, user_agent=f"cosmos3-operator/{__version__}")
    await sessions.prove()
    limit = max(options.workers, FEWEST_CONNECTIONS) + READS_AT_ONCE
    async with sessions.open(limit=limit) as session, sessions.open(limit=LEASE_CONNECTIONS) as own:
        client = Client(session=session, server=access.server, manager=MANAGER)
        operator = Operator(
            options,
            client=client,
            leadership=leadership(
                options.leadership,
                client=Client(session=own, server=access.server, manager=MANAGER),
                namespace=access.namespace,
            ),
            telemetry=Telemetry(client=client, server=access.server, tracer=tracer),
            sessions=sessions,
            pipeline=pipeline,
            signals=signals,
        )
        await operator.run(stop)
    logger.info("stopped")


class Signals:
    """The first signal stops in order; a second one exits at once."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def claim(self) -> None:
        """Take the signals, from whoever has them."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._receive, number)

    def _receive(self, number: int) -> None:
        if self._stop.is_set():
            os._exit(128 + number)
        logger.info("%s: stopping", signal.Signals(number).name)
        self._stop.set()


class Operator:
    """All parts of one process, connected."""

    def __init__(
        self,
        options: Options,
        *,
        client: Client,
        leadership: Leadership,
        telemetry: Telemetry,
        sessions: Sessions,
        pipeline: Pipeline,
        signals: Signals,
    ) -> None:
        self._options = options
        self._leadership = leadership
        self._telemetry = telemetry
        metrics = telemetry.metrics
        store = Store(on_pod=telemetry.on_pod)
        queue: KeyedQueue[Key] = KeyedQueue(on_wait=metrics.on_wait, on_add=metrics.on_add)
        self._watches = Watches(options.namespaces)
        relists = Relists(store=store, queue=queue)
        self._engine = Engine(
            sessions=sessions,
            feed=Feed(store=store, queue=queue, relists=relists),
            watches=self._watches,
            traffic=Traffic(
                watches=self._watches,
                relists=relists,
                namespaces=options.namespaces,
                on_request=metrics.on_request,
            ),
            namespaces=options.namespaces,
            reclaim_signals=signals.claim,
        )
        facts = FactsCache(client=client, clock=time.monotonic)
        self._evidence = EvidenceReader(
            fetcher=Fetcher(client=client, store=store, facts=facts, redact=redact),
            wake=queue.add_after,
            reads_logs=options.pod_logs,
            on_evidence=metrics.on_evidence,
        )
        reconciler = Reconciler(
            pipeline=pipeline,
            client=client,
            store=store,
            memo=Memo(resync_seconds=options.resync_seconds, clock=time.monotonic),
            facts=facts,
            evidence=self._evidence,
            clock=now,
            on_transition=telemetry.on_transition,
        )
        self._workers = Workers(
            queue=queue,
            reconcile=reconciler.reconcile,
            store=store,
            backoff=Backoff(),
            on_pass=metrics.on_pass,
            on_retry=metrics.on_retry,
            tracer=telemetry.tracer,
        )
        telemetry.watch(
            store=store,
            queue=queue,
            watches=self._watches,
            workers=self._workers,
            number=options.workers,
            namespaces=options.namespaces,
            is_leader=lambda: leadership.is_leader,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve, watch and work until told to stop."""
        health = Health(
            troubles=lambda: self._troubles(stop), longest_pass=self._workers.longest_pass
        )
        self._telemetry.watch_health(health)
        server = Server(make_app(health=health, metrics=self._telemetry.metrics))
        host, port = await listen(server, self._options)
        logger.info("listening on %s:%d", host, port)
        try:
            if await self._leadership.gained(stop):
                await self._work(stop)
        finally:
            await server.stop()

    async def _work(self, stop: asyncio.Event) -> None:
        self._telemetry.start()
        self._watches.begin()
        tasks = [
            asyncio.create_task(self._start_workers(), name="worker starter"),
            fence := asyncio.create_task(self._fence(stop), name="fence"),
        ]
        try:
            await self._engine.run(stop)
        finally:
            is_lost = fence.done()
            for task in tasks:
                task.cancel()
            if not await self._workers.stop():
                logger.warning("a pass did not end in time and was cut off; the next start goes on")
            await self._evidence.stop()
            await self._leadership.release()
            await self._telemetry.stop()
        if is_lost:
            raise LeadershipLost("another process may lead now: this one ends")

    async def _fence(self, stop: asyncio.Event) -> None:
        await self._leadership.lost()
        # Passes are cut off first: another process may begin before the watches have ended here.
        await self._workers.stop(0.0)
        stop.set()

    def _troubles(self, stop: asyncio.Event) -> list[str]:
        """Say why the operator cannot do its work. A standby can: it waits for its turn."""
        if stop.is_set():
            return ["stopping"]
        if not self._leadership.is_leader:
            return self._leadership.troubles()
        return self._watches.troubles()

    async def _start_workers(self) -> None:
        # A pass that knows the existing children needs one request for each, not three.
        await self._watches.wait_until_started()
        logger.info("all watches run")
        self._workers.start(self._options.workers)


async def listen(server: Server, options: Options) -> tuple[str, int]:
    """Open the port, or say plainly why not."""
    try:
        return await server.start(host=options.host, port=options.port)
    except OSError as error:
        raise AccessError(f"cannot listen on {options.host}:{options.port}: {error}") from error
