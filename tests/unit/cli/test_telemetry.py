"""What is asked at each scrape, by the parts that it is asked of."""

from __future__ import annotations

import asyncio

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from cosmos3_operator.cli.telemetry import Telemetry
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.reconcile.backoff import Backoff
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.reconciler import Outcome
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.reconcile.workers import Workers
from cosmos3_operator.serve.families import FAMILIES
from cosmos3_operator.serve.health import Health
from cosmos3_operator.watch.traffic import Watches
from fakes.loop import KEY, run_async

Samples = dict[str, dict[tuple[str, ...], float]]


class Rig:
    def __init__(self, client: Client) -> None:
        self.is_leader = True
        self.gate = asyncio.Event()
        self.telemetry = Telemetry(client=client, server="https://api:6443")
        store = Store(on_pod=self.telemetry.on_pod)
        self.queue: KeyedQueue[Key] = KeyedQueue(on_add=self.telemetry.metrics.on_add)
        self.workers = Workers(
            queue=self.queue, reconcile=self._wait, store=store, backoff=Backoff()
        )
        self.telemetry.watch(
            store=store,
            queue=self.queue,
            watches=Watches(()),
            workers=self.workers,
            number=3,
            namespaces=(),
            is_leader=lambda: self.is_leader,
        )
        health = Health(troubles=list, longest_pass=self.workers.longest_pass)
        self.telemetry.watch_health(health)

    async def _wait(self, key: Key) -> Outcome:
        await self.gate.wait()
        return Outcome(result="success", requeue_after=100.0)

    async def scrape(self) -> Samples:
        text = (await self.telemetry.metrics.render()).decode()
        return {
            family.name: {tuple(s.labels.values()): s.value for s in family.samples}
            for family in text_string_to_metric_families(text)
        }


def test_workers_and_the_queue_are_looked_at_when_scraped() -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            rig = Rig(Client(session=session, server="https://api:6443", manager="m"))
            rig.workers.start(1)
            rig.queue.add(KEY)
            rig.queue.add(KEY._replace(name="other"))
            await asyncio.sleep(0)
            seen = await rig.scrape()
            busy = "controller_runtime_active_workers"
            assert seen[busy] == {("cosmosgenerator",): 1, ("cosmosreasoner",): 0}
            assert set(seen["controller_runtime_max_concurrent_reconciles"].values()) == {3}
            assert seen["workqueue_depth"] == {("cosmos3",): 1}
            assert seen["workqueue_longest_running_processor_seconds"][("cosmos3",)] > 0
            assert seen["workqueue_unfinished_work_seconds"][("cosmos3",)] > 0
            assert seen["cosmos3_operator_ready"] == {(): 1}
            rig.gate.set()
            await rig.workers.stop()
            assert sum((await rig.scrape())[busy].values()) == 0

    run_async(main)


def test_a_standby_is_not_alarming() -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            rig = Rig(Client(session=session, server="https://api:6443", manager="m"))
            leading = await rig.scrape()
            assert leading["leader_election_master_status"] == {("cosmos3-operator",): 1}
            assert leading["cosmos3_operator_watch_up"][("pods",)] == 0
            rig.is_leader = False
            waiting = await rig.scrape()
            assert waiting["leader_election_master_status"] == {("cosmos3-operator",): 0}
            assert waiting["cosmos3_operator_watch_up"] == {}
            assert waiting["cosmos3_operator_watch_down_seconds"] == {}

    run_async(main)


def test_every_metric_of_the_table_is_exported() -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            rig = Rig(Client(session=session, server="https://api:6443", manager="m"))
            exported = {name.removesuffix("_total") for name in await rig.scrape()}
            assert {name.removesuffix("_total") for name in FAMILIES} - exported == set()

    run_async(main)
