"""The loop on a fake API server, without kopf: tests deliver the events themselves.

`Bench.run(key)` is one pass; `Bench.deliver()` hands all events that happened since to the feed, so
that a test decides what the watch has seen at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.trace import NO_TRACER, Tracer
from cosmos3_operator.diagnosis.redact import redact
from cosmos3_operator.reconcile.backoff import Backoff
from cosmos3_operator.reconcile.evidence import EvidenceReader
from cosmos3_operator.reconcile.fetch import Fetcher
from cosmos3_operator.reconcile.gather import FactsCache
from cosmos3_operator.reconcile.kinds import CHILDREN, MANAGER, PODS, RESOURCES, SELECTOR, Key
from cosmos3_operator.reconcile.memo import Memo
from cosmos3_operator.reconcile.pipeline import Pipeline
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.reconciler import Outcome, Reconciler
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.reconcile.transitions import OnTransition, ignore_transition
from cosmos3_operator.watch.feed import Feed
from cosmos3_operator.watch.relist import Relists
from fakes import toy
from fakes.apiserver import Asked, FakeApiServer
from fakes.objects import matches

KEY = Key("CosmosGenerator", "default", "super")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RESYNC = 1000.0


def run_async(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, and never hang."""

    async def bounded() -> None:
        await asyncio.wait_for(main(), 60)

    asyncio.run(bounded())


class Clock:
    """Time that stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    def __init__(
        self,
        server: FakeApiServer,
        client: Client,
        pipeline: Pipeline,
        *,
        patience: float,
        on_transition: OnTransition,
    ) -> None:
        self.server = server
        self.client = client
        self.clock = Clock()
        self.store = Store()
        self.queue: KeyedQueue[Key] = KeyedQueue()
        self.relists = Relists(store=self.store, queue=self.queue)
        self.feed = Feed(store=self.store, queue=self.queue, relists=self.relists)
        self.facts = FactsCache(client=client, clock=self.clock)
        self.read: list[tuple[str, str]] = []
        """What evidence was read, and how it ended."""
        self.evidence = EvidenceReader(
            fetcher=Fetcher(client=client, store=self.store, facts=self.facts, redact=redact),
            wake=self.queue.add_after,
            clock=self.clock,
            backoff=Backoff(uniform=lambda low, high: (low + high) / 2),
            on_evidence=lambda what, result: self.read.append((what, result)),
            patience=patience,
        )
        self.reconciler = Reconciler(
            pipeline=pipeline,
            client=client,
            store=self.store,
            memo=Memo(
                resync_seconds=RESYNC, clock=self.clock, uniform=lambda low, high: (low + high) / 2
            ),
            facts=self.facts,
            evidence=self.evidence,
            clock=lambda: NOW,
            on_transition=on_transition,
        )
        self._delivered = 0

    def create(self, body: dict[str, Any]) -> Key:
        key = Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])
        self.server.objects.create(self.server.place(*key), body)
        return key

    async def deliver(self) -> None:
        """Let the watch catch up."""
        events = self.server.objects.history[self._delivered :]
        self._delivered += len(events)
        for _, event, place, body in events:
            await self._tell({"type": event, "object": body}, plural=place.plural)

    async def _tell(self, event: dict[str, Any], *, plural: str) -> None:
        if plural in {one.plural for one in RESOURCES.values()}:
            await self.feed.on_resource(event)
            return
        if not matches(event["object"], SELECTOR):
            event = {**event, "type": "DELETED"}
        if plural in {one.plural for one in CHILDREN.values()}:
            await self.feed.on_child(event)
        elif plural == PODS.plural:
            await self.feed.on_pod(event)

    async def run(self, key: Key = KEY) -> Outcome:
        return await self.reconciler.reconcile(key)

    async def settle(self, key: Key = KEY) -> None:
        """Deliver and run until nothing is waiting."""
        for _ in range(10):
            await self.deliver()
            if not await self.take_all():
                return
            if (await self.run(key)).has_moved:
                self.queue.add(key)
        raise AssertionError("it does not settle")

    async def take_all(self) -> list[Key]:
        taken = []
        while self.queue.depth:
            key = await self.queue.take()
            assert key is not None
            taken.append(key)
            self.queue.done(key)
        return taken

    def live(self, kind: str, name: str = "super") -> dict[str, Any] | None:
        return self.server.live(kind, "default", name)

    def status(self) -> dict[str, Any]:
        body = self.live(KEY.kind)
        assert body is not None
        return body.get("status", {})

    def reason(self) -> str:
        return self.status()["conditions"][0]["reason"]

    def writes(self) -> list[str]:
        """Return what was written since the last call, in short."""
        found = [describe(one) for one in self.server.writes()]
        self.server.asked.clear()
        return found


def describe(asked: Asked) -> str:
    parts = asked.path.split("/")
    place = "/".join(parts[parts.index("namespaces") + 2 :])
    return f"{asked.method} {place}"


@asynccontextmanager
async def bench(
    pipeline: Pipeline = toy.PIPELINE,
    *,
    patience: float = 30.0,
    on_transition: OnTransition = ignore_transition,
    tracer: Tracer = NO_TRACER,
) -> AsyncIterator[Bench]:
    """Run the loop; `patience` is for evidence, and generous unless a read is held."""
    server = FakeApiServer()
    async with server.running(), aiohttp.ClientSession() as session:
        client = Client(session=session, server=server.url, manager=MANAGER)
        client.tracer = tracer
        made = Bench(
            server,
            client,
            pipeline,
            patience=patience,
            on_transition=on_transition,
        )
        try:
            yield made
        finally:
            await made.evidence.stop()
