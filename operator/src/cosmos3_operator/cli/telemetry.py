"""Connects what tells of the loop (metrics, events, log lines, traces) to the working parts.

In: the parts. Out: one object whose methods are the hooks that those parts call.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cosmos3_operator import __version__
from cosmos3_operator.catalog.load import CatalogError
from cosmos3_operator.catalog.reasons import page
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.events import Events, Reporter, Type
from cosmos3_operator.cluster.trace import NO_TRACER, Tracer
from cosmos3_operator.reconcile.announce import Announcer
from cosmos3_operator.reconcile.correlate import Correlator
from cosmos3_operator.reconcile.kinds import MANAGER
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.reconcile.transitions import TransitionLog, tell
from cosmos3_operator.reconcile.workers import Workers
from cosmos3_operator.serve.fleet import FleetCollector
from cosmos3_operator.serve.health import Health
from cosmos3_operator.serve.metrics import NAME, Metrics, controller_of
from cosmos3_operator.serve.startups import Startups
from cosmos3_operator.watch.traffic import Watches


def now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


def event_type(reason: str) -> Type:
    """Return the type that the reason's page says; a reason without a page is worth a look."""
    try:
        return page(reason).event.value
    except CatalogError:
        return "Warning"


class Telemetry:
    """Everything that watches the loop and changes nothing."""

    def __init__(self, *, client: Client, server: str, tracer: Tracer = NO_TRACER) -> None:
        self.metrics = Metrics(version=__version__, server=server)
        self.tracer = tracer
        client.on_request = self.metrics.on_request
        client.tracer = tracer
        self._announcer = Announcer(
            sink=Events(client),
            reporter=Reporter(controller=MANAGER, instance=socket.gethostname()),
            type_of=event_type,
            correlator=Correlator(clock=time.monotonic),
            clock=now,
            on_event=self.metrics.on_event,
        )
        self.on_transition = tell(
            TransitionLog(clock=now), self.metrics.on_transition, self._announcer.on_transition
        )
        self.on_pod = Startups(on_startup=self.metrics.on_startup).on_pod
        self._sender: asyncio.Task[None] | None = None

    def watch(
        self,
        *,
        store: Store,
        queue: KeyedQueue[Any],
        watches: Watches,
        workers: Workers,
        number: int,
        namespaces: tuple[str, ...],
        is_leader: Callable[[], bool],
    ) -> None:
        """Look at the parts whenever somebody scrapes."""
        self.metrics.watch_fleet(FleetCollector(fleet=store, clock=now, namespaces=namespaces))
        gauges = self.metrics.gauges
        gauges.ask_one("workqueue_depth", NAME, value=lambda: queue.depth)
        gauges.ask_one("workqueue_unfinished_work_seconds", NAME, value=workers.unfinished_seconds)
        gauges.ask_one(
            "workqueue_longest_running_processor_seconds", NAME, value=workers.longest_pass
        )
        gauges.ask(
            "controller_runtime_active_workers",
            lambda: [
                ((controller_of(kind),), busy) for kind, busy in workers.busy_by_kind().items()
            ],
        )
        gauges.ask(
            "controller_runtime_max_concurrent_reconciles",
            lambda: [((controller_of(kind),), number) for kind in workers.busy_by_kind()],
        )
        gauges.ask_one("leader_election_master_status", MANAGER, value=is_leader)
        # A standby watches nothing, and nothing is wrong with that.
        for name, ask in (
            ("cosmos3_operator_watch_up", watches.up),
            ("cosmos3_operator_watch_down_seconds", watches.down_seconds),
        ):
            gauges.ask(name, partial(_by_resource, ask, is_leader))

    def watch_health(self, health: Health) -> None:
        """Look at readiness whenever somebody scrapes."""
        self.metrics.gauges.ask_one("cosmos3_operator_ready", value=health.is_ready)

    def start(self) -> None:
        """Begin to tell events."""
        self._sender = asyncio.create_task(self._announcer.run(), name="event sender")

    async def stop(self) -> None:
        """Tell what is waiting, for a moment."""
        if self._sender is not None:
            await self._announcer.flush()
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)


def _by_resource(ask: Callable[[], Mapping[str, float]], is_leader: Callable[[], bool]) -> Any:
    return [((plural,), value) for plural, value in ask().items()] if is_leader() else []
