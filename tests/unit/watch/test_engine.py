"""kopf on a fake API server: events come in, nothing is written, stopping is quick and clean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import kopf
import pytest
from kopf._cogs.structs.references import Resource

from cosmos3_operator.cluster.access import Access, Identity
from cosmos3_operator.cluster.session import Sessions
from cosmos3_operator.reconcile.kinds import CHILDREN, PODS, RESOURCES, Key
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.watch import engine as engine_module
from cosmos3_operator.watch import relist
from cosmos3_operator.watch.engine import Engine, register
from cosmos3_operator.watch.feed import Feed
from cosmos3_operator.watch.relist import Relists
from cosmos3_operator.watch.settings import make_settings
from cosmos3_operator.watch.traffic import Traffic, Watches
from fakes import toy
from fakes.apiserver import FakeApiServer
from fakes.loop import KEY, run_async


class Rig:
    def __init__(self, server: FakeApiServer, namespaces: tuple[str, ...] = ()) -> None:
        self.server = server
        self.store = Store()
        self.queue: KeyedQueue[Key] = KeyedQueue()
        self.watches = Watches(namespaces)
        self.requests: list[tuple[str, str, int]] = []
        self.reclaimed = 0
        relists = Relists(store=self.store, queue=self.queue)
        self.feed = Feed(store=self.store, queue=self.queue, relists=relists)
        access = Access(server=server.url, identity=Identity(token="secret"))
        self.engine = Engine(
            sessions=Sessions(access, user_agent="test"),
            feed=self.feed,
            watches=self.watches,
            traffic=Traffic(
                watches=self.watches,
                relists=relists,
                namespaces=namespaces,
                on_request=lambda verb, what, code, _: self.requests.append((verb, what, code)),
            ),
            namespaces=namespaces,
            reclaim_signals=self._reclaim,
        )
        self.stop = asyncio.Event()

    def _reclaim(self) -> None:
        self.reclaimed += 1

    async def take(self) -> Key:
        key = await self.queue.take()
        assert key is not None
        self.queue.done(key)
        return key

    async def until(self, condition: Callable[[], Any]) -> None:
        while not condition():  # noqa: ASYNC110 - what kopf does has no event to wait for
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    server: FakeApiServer, namespaces: tuple[str, ...] = (), *, wait: bool = True
) -> AsyncIterator[Rig]:
    rig = Rig(server, namespaces)
    task = asyncio.create_task(rig.engine.run(rig.stop))
    try:
        if wait:
            await rig.watches.wait_until_started()
        yield rig
    finally:
        rig.stop.set()
        await asyncio.wait_for(task, 10)


def create(server: FakeApiServer, body: dict[str, Any]) -> None:
    metadata = body["metadata"]
    place = server.place(body["kind"], metadata["namespace"], metadata["name"])
    server.objects.create(place, body)


def child(server: FakeApiServer, kind: str = "Deployment", **labels: str) -> dict[str, Any]:
    owner = server.live(*KEY)
    assert owner is not None
    body = toy.manifest(owner, kind)
    body["metadata"]["labels"].update(labels)
    return body


def test_only_low_level_handlers_are_registered() -> None:
    registry = kopf.OperatorRegistry()
    feed = Feed(store=Store(), queue=KeyedQueue(), relists=None)  # type: ignore[arg-type]
    register(registry, feed=feed, login=lambda **_: None)
    assert not registry._changing.get_all_handlers()
    assert not registry._spawning.get_all_handlers()
    assert not registry._indexing.get_all_handlers()
    assert not registry._webhooks.get_all_handlers()
    watched = {handler.selector.any_name for handler in registry._watching.get_all_handlers()}
    assert watched == {one.plural for one in (*RESOURCES.values(), *CHILDREN.values(), PODS)}


def test_children_and_pods_are_selected_by_the_server() -> None:
    settings = make_settings(())
    for one in (*CHILDREN.values(), PODS):
        resource = Resource(
            one.group, one.version, one.plural, kind=one.kind, namespaced=True, preferred=True
        )
        found = settings.watching.label_selectors.collect(resource)
        assert found == ["app.kubernetes.io/managed-by=cosmos3-operator"]


def test_resources_children_and_pods_reach_the_queue() -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            create(server, toy.resource("listed"))
            async with running(server) as rig:
                assert await rig.take() == Key("CosmosGenerator", "default", "listed")
                create(server, toy.resource())
                assert await rig.take() == KEY
                create(server, child(server))
                assert await rig.take() == KEY
                pod = child(server)
                pod.update(apiVersion="v1", kind="Pod")
                pod["metadata"]["ownerReferences"] = [
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "controller": True}
                ]
                create(server, pod)
                assert await rig.take() == KEY
                assert len(rig.store.pods(KEY)) == 1
                server.objects.delete(server.place(*KEY))
                assert await rig.take() == KEY
                assert rig.store.resource(KEY) is None
            assert server.writes() == []

    run_async(main)


def test_other_peoples_objects_are_not_even_asked_for() -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            async with running(server):
                pass
            lists = [one for one in server.asked if one.path == "/apis/apps/v1/deployments"]
            assert lists
            assert {one.query["labelSelector"] for one in lists} == {
                "app.kubernetes.io/managed-by=cosmos3-operator"
            }

    run_async(main)


def test_the_token_is_sent_and_signals_are_taken_back() -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            async with running(server) as rig:
                assert rig.reclaimed == 1
            assert set(server.authorization) == {"Bearer secret"}
            assert ("list", "deployments", 200) in rig.requests
            assert ("watch", "pods", 200) in rig.requests

    run_async(main)


def test_stopping_leaves_no_task_behind() -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            async with running(server):
                pass
            names = {task.get_name() for task in asyncio.all_tasks()}
            assert not [name for name in names if "watcher" in name or "stop" in name]

    run_async(main)


def test_it_starts_before_its_definitions_exist() -> None:
    async def main() -> None:
        server = FakeApiServer()
        server.hidden = {one.plural for one in RESOURCES.values()}
        async with server.running(), running(server, wait=False) as rig:
            await rig.until(lambda: len(rig.watches.troubles()) == 2)
            assert rig.watches.troubles() == [
                "cosmosgenerators: not watched yet",
                "cosmosreasoners: not watched yet",
            ]
            server.hidden = set()
            crd = {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {},
                "spec": {"group": "serving.cosmos3.io"},
            }
            place = server.place("CustomResourceDefinition", "", "cosmosgenerators")
            server.objects.create(place, crd)
            await rig.watches.wait_until_started()
            create(server, toy.resource())
            assert await rig.take() == KEY

    run_async(main)


def test_single_namespaces_are_watched_one_by_one() -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server, running(server, ("a", "default")) as rig:
            create(server, toy.resource())
            assert await rig.take() == KEY
            paths = {one.path for one in server.asked}
            assert "/api/v1/namespaces/a/pods" in paths
            assert "/api/v1/pods" not in paths
            assert "/api/v1/namespaces" not in paths

    run_async(main)


def test_a_forbidden_watch_is_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            server.fail(lambda one: one.path == "/api/v1/pods", 403, reason="Forbidden")
            async with running(server, wait=False) as rig:
                await rig.until(lambda: len(rig.watches.troubles()) == 1)
                assert rig.watches.troubles() == [
                    "pods: the API server answers 403: the operator's role must allow list"
                ]

    run_async(main)
    assert "cannot watch pods" in caplog.text


def test_a_failed_watch_layer_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    no_patience = make_settings(())
    no_patience.networking.error_backoffs = ()
    monkeypatch.setattr(engine_module, "make_settings", lambda _: no_patience)
    monkeypatch.setattr(engine_module, "FIRST_DELAY", 0.01)

    async def main() -> None:
        async with FakeApiServer().running() as server:
            rule = server.fail(lambda one: one.path == "/apis/apps/v1/deployments", 500)
            async with running(server, wait=False) as rig:
                await rig.until(lambda: any("failed" in one for one in rig.watches.troubles()))
                rule.times = 0
                await rig.watches.wait_until_started()
                create(server, toy.resource())
                assert await rig.take() == KEY

    logging.getLogger("kopf").setLevel(logging.CRITICAL)
    run_async(main)


def test_what_vanished_during_a_gap_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relist, "SETTLE_SECONDS", 0.05)

    async def main() -> None:
        async with FakeApiServer().running() as server:
            create(server, toy.resource("kept"))
            create(server, toy.resource())
            create(server, child(server))
            create(server, child(server, kind="Service"))
            async with running(server) as rig:
                await rig.until(lambda: len(rig.store.children(KEY)) == 2)
                while rig.queue.depth:
                    await rig.take()
                gate = server.hold(lambda one: one.query.get("watch") == "true")
                server.drop_watches()
                server.objects.delete(server.place(*KEY))
                server.objects.delete(server.place("Deployment", "default", "super"))
                server.compact()
                gate.set()
                await rig.until(lambda: rig.store.is_doubtful(KEY))
                await rig.until(lambda: len(rig.store.children(KEY)) == 1)
                assert not rig.store.is_doubtful(Key("CosmosGenerator", "default", "kept"))
                assert await rig.take() == KEY

    run_async(main)


def test_in_single_namespaces_definitions_that_come_later_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "RESCAN_SECONDS", 0.05)

    async def main() -> None:
        server = FakeApiServer()
        server.hidden = {one.plural for one in RESOURCES.values()}
        async with server.running(), running(server, ("default",), wait=False) as rig:
            await rig.until(lambda: len(rig.watches.troubles()) == 2)
            server.hidden = set()
            await rig.watches.wait_until_started()
            create(server, toy.resource())
            assert await rig.take() == KEY

    run_async(main)


def test_rejected_credentials_are_no_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "LONGEST_DELAY", 0.05)

    async def main() -> None:
        async with FakeApiServer().running() as server:
            rule = server.fail(lambda _: True, 401, reason="Unauthorized")
            async with running(server, wait=False) as rig:
                await rig.until(lambda: rig.engine._logins > 2)
                rule.times = 0
                await rig.watches.wait_until_started()
                create(server, toy.resource())
                assert await rig.take() == KEY

    run_async(main)
