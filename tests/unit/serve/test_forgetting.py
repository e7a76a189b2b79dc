"""A fleet that comes and goes leaves nothing behind in the process, not one entry."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from typing import Any

from cosmos3_operator.cli.run import Operator, Options, operate
from cosmos3_operator.cluster.access import Access
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.store import REMEMBERED_DELETIONS, Store
from fakes import toy
from fakes.apiserver import FakeApiServer
from fakes.loop import run_async
from fakes.remembered import difference, remembered

ROUNDS = 3
FLEET = 12
BOUNDED = frozenset(
    {
        *("Store._deleted", "Sessions._access"),
        *("Correlator._seen", "Correlator._buckets", "TransitionLog._last"),
    }
)
"""Deletions are remembered on purpose, up to a number: see the test below. So is what was told
lately: tests/unit/reconcile/test_announce.py and test_transitions.py hold its bounds."""


def pod_of(name: str, number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-{number}",
            "namespace": "default",
            "labels": toy.labels_of(toy.resource(name)),
        },
        "spec": {"nodeName": "node"},
        "status": {"phase": "Running", "conditions": []},
    }


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - what happens in the process has no event
        await asyncio.sleep(0.01)


async def come_and_go(server: FakeApiServer, number: int) -> None:
    """Let a fleet of new names live, fail, serve and vanish."""
    keys = [Key("CosmosGenerator", "default", f"r{number}-{i}") for i in range(FLEET)]
    for key in keys:
        spec = {"invalid": True} if key.name.endswith("0") else {}
        server.objects.create(server.place(*key), toy.resource(key.name, **spec))
    await until(lambda: all((server.live(*key) or {}).get("status") for key in keys))
    for key in keys:
        server.objects.create(server.place("Pod", "default", f"{key.name}-0"), pod_of(key.name, 0))
    for key in keys:
        server.objects.delete(server.place(*key))


def collect_garbage(server: FakeApiServer, number: int) -> None:
    """Delete what belongs to nobody: a pass that still ran may have applied a child anew."""
    for name in (f"r{number}-{i}" for i in range(FLEET)):
        for kind, child in (("Pod", f"{name}-0"), ("Deployment", name), ("Service", name)):
            if server.live(kind, "default", child):
                server.objects.delete(server.place(kind, "default", child))


def the_operator(others: set[int]) -> Operator:
    (found,) = [o for o in gc.get_objects() if isinstance(o, Operator) and id(o) not in others]
    return found


def test_a_fleet_that_is_gone_is_forgotten_to_the_last_entry() -> None:
    async def main() -> None:
        others = {id(o) for o in gc.get_objects() if isinstance(o, Operator)}
        async with FakeApiServer().running() as server:
            options = Options(host="127.0.0.1", port=0, workers=4)
            running = asyncio.create_task(
                operate(options, access=Access(server=server.url), pipeline=toy.PIPELINE)
            )
            profile = await _after_a_round(server, 0, others)
            for number in range(1, ROUNDS):
                await _forgets(server, number, the_operator(others), profile)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(running, 10)

    run_async(main)


async def _after_a_round(server: FakeApiServer, number: int, others: set[int]) -> dict[str, int]:
    """Return what is remembered once the first fleet is gone: caches that never shrink are full."""
    await come_and_go(server, number)
    sizes: list[dict[str, int]] = []

    def is_quiet() -> bool:
        collect_garbage(server, number)
        sizes.append(remembered(the_operator(others), without=BOUNDED))
        return len(sizes) > 20 and all(one == sizes[-1] for one in sizes[-20:])

    await until(is_quiet)
    return sizes[-1]


async def _forgets(
    server: FakeApiServer, number: int, operator: Operator, profile: dict[str, int]
) -> None:
    await come_and_go(server, number)
    grown: dict[str, int] = {}

    def is_forgotten() -> bool:
        nonlocal grown
        collect_garbage(server, number)
        grown = difference(profile, remembered(operator, without=BOUNDED))
        return not grown

    try:
        await asyncio.wait_for(until(is_forgotten), 20)
    except TimeoutError:
        raise AssertionError(f"round {number} left behind: {grown}") from None


def test_remembered_deletions_have_a_bound() -> None:
    store = Store()
    for number in range(REMEMBERED_DELETIONS + 10):
        body = toy.resource(f"r{number}")
        body["metadata"] |= {"uid": f"u{number}", "resourceVersion": "1"}
        store.drop_resource(Key("CosmosGenerator", "default", f"r{number}"), body)
    assert remembered(store)["Store._deleted"] == REMEMBERED_DELETIONS


def test_what_is_remembered_is_found_wherever_it_hides() -> None:
    store = Store()
    before = remembered(store)
    body = toy.resource()
    body["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    store.put_resource(Key("CosmosGenerator", "default", "super"), body)
    assert "Store._resources" in difference(before, remembered(store))
    assert difference(remembered(store), before)["Store._resources"] == -1
