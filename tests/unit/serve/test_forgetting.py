"""A fleet that comes and goes leaves nothing behind in the process, not one entry."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from typing import Any

from cosmos3_operator.cli.run import Operator, Options, operate
from cosmos3_operator.cluster.access import Access
from cosmos3_operator.cluster.events import News, Regarding, Written
from cosmos3_operator.reconcile import correlate, transitions
from cosmos3_operator.reconcile.correlate import Correlator
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.store import REMEMBERED_DELETIONS, Store
from cosmos3_operator.reconcile.transitions import TransitionLog
from fakes import toy
from fakes.apiserver import FakeApiServer
from fakes.loop import NOW, run_async
from fakes.remembered import difference, remembered

ROUNDS = 3
FLEET = 12
BOUNDED = frozenset(
    {"Store._deleted", "Correlator._seen", "Correlator._buckets", "TransitionLog._last"}
)
"""What is remembered about resources that are gone, on purpose and up to a number that tests of
their own hold: late events, repeated events, how long the last state lasted."""


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


def test_remembered_events_have_a_bound() -> None:
    correlator = Correlator(clock=lambda: 0.0)
    news = News(type="Normal", reason="Serving", note="it serves", action="Reconcile")
    for number in range(correlate.REMEMBERED + 10):
        regarding = Regarding.of(_stored(number))
        correlator.judge(regarding, news)
        correlator.sent(regarding, news, Written("default", "event"), 1)
    sizes = remembered(correlator)
    assert sizes["Correlator._seen"] == sizes["Correlator._buckets"] == correlate.REMEMBERED


def test_remembered_transitions_have_a_bound() -> None:
    log = TransitionLog(clock=lambda: NOW)
    new = {"conditions": [{"type": "Ready", "status": "True", "reason": "Serving"}]}
    for number in range(transitions.REMEMBERED + 10):
        log(Key("CosmosGenerator", "default", "super"), _stored(number), {}, new)
    assert remembered(log)["TransitionLog._last"] == transitions.REMEMBERED


def _stored(number: int) -> dict[str, Any]:
    body = toy.resource()
    body["metadata"] |= {"uid": f"u{number}", "resourceVersion": "1", "generation": 1}
    return body


def test_what_is_remembered_is_found_wherever_it_hides() -> None:
    store = Store()
    before = remembered(store)
    body = toy.resource()
    body["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    store.put_resource(Key("CosmosGenerator", "default", "super"), body)
    assert "Store._resources" in difference(before, remembered(store))
    assert difference(remembered(store), before)["Store._resources"] == -1
