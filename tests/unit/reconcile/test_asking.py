"""A pass asks for evidence only if something is wrong, and a fall is told before its cause."""

from __future__ import annotations

import asyncio
from typing import Any

from cosmos3_operator.plan.names import COMPONENT, INSTANCE, MANAGED_BY, MANAGER
from cosmos3_operator.reconcile.gather import FRESH_SECONDS
from fakes import toy
from fakes.apiserver import Asked
from fakes.loop import KEY, Bench, bench, run_async

ENDED = {"terminated": {"containerID": "c://1", "exitCode": 1}}
LINE = "2026-01-01T00:00:30.000000001Z the cause\n"


def is_log(one: Asked) -> bool:
    return one.path.endswith("/log")


async def serving(b: Bench, **spec: Any) -> None:
    """A resource that serves with one pod."""
    b.create(toy.resource(**{"asks": True, **spec}))
    await b.settle()
    b.server.objects.create(b.server.place("Pod", "default", "p"), pod(b))
    b.server.logs["p", "server"] = LINE
    set_ready(b, 1)
    await b.settle()
    assert b.reason() == "Serving"
    b.server.asked.clear()


def pod(b: Bench) -> dict[str, Any]:
    owner = b.live(KEY.kind)
    assert owner is not None
    reference = {"apiVersion": owner["apiVersion"], "kind": KEY.kind, "controller": True}
    reference |= {"name": "super", "uid": owner["metadata"]["uid"]}
    labels = {MANAGED_BY: MANAGER, COMPONENT: "generator", INSTANCE: "super"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": labels, "ownerReferences": [reference]},
        "spec": {"nodeName": "n"},
        "status": {"containerStatuses": [{"name": "server", "state": ENDED}]},
    }


def set_ready(b: Bench, replicas: int) -> None:
    b.server.objects.change(
        b.server.place("Deployment", "default", "super"),
        lambda body: body.update(status={"readyReplicas": replicas}),
    )


def set_node(b: Bench, status: str) -> None:
    place = b.server.place("Node", "", "n")
    if place not in b.server.objects.stored:
        b.server.objects.create(place, {"apiVersion": "v1", "kind": "Node", "metadata": {}})
    conditions = {"conditions": [{"type": "Ready", "status": status}]}
    b.server.objects.change(place, lambda body: body.update(status=conditions))


async def woken(b: Bench) -> None:
    key = await asyncio.wait_for(b.queue.take(), 30)
    assert key == KEY
    b.queue.done(key)


def test_while_all_is_well_nothing_is_asked_for() -> None:
    async def main() -> None:
        async with bench() as b:
            await serving(b)
            for _ in range(5):
                await b.run()
            assert b.server.asked == []
            assert not b.evidence._states

    run_async(main)


def test_a_pass_tells_why() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource(asks=True, askAgain=7))
            await b.settle()
            b.server.objects.create(b.server.place("Pod", "default", "p"), pod(b))
            b.server.logs["p", "server"] = LINE
            await b.deliver()
            outcome = await b.run()
            assert b.status()["logs"] == ["the cause\n"]
            assert outcome.requeue_after == 7
            b.writes()
            await b.run()
            assert b.writes() == []

    run_async(main)


def test_a_fall_is_written_at_once_and_its_cause_once_it_is_known() -> None:
    async def main() -> None:
        async with bench() as b:
            await serving(b)
            gate = b.server.hold(is_log)
            set_ready(b, 0)
            await b.deliver()
            await b.take_all()
            # The log is held for as long as the pass takes: it does not wait.
            await b.run()
            assert b.reason() == "Starting"
            assert "logs" not in b.status()
            await b.deliver()
            assert b.queue.depth == 0
            gate.set()
            await woken(b)
            await b.run()
            assert b.status()["logs"] == ["the cause\n"]

    run_async(main)


def test_what_was_read_is_let_go_when_all_is_well_again() -> None:
    async def main() -> None:
        async with bench() as b:
            await serving(b)
            set_ready(b, 0)
            await b.deliver()
            await b.take_all()
            await b.run()
            await woken(b)
            await b.run()
            assert len(b.evidence._texts) == 1
            set_ready(b, 1)
            await b.deliver()
            await b.run()
            assert b.reason() == "Serving"
            assert len(b.evidence._texts) == 0

    run_async(main)


def test_a_deleted_resource_is_forgotten() -> None:
    async def main() -> None:
        async with bench() as b:
            await serving(b)
            set_ready(b, 0)
            await b.deliver()
            await b.run()
            b.server.objects.delete(b.server.place(*KEY))
            await b.deliver()
            await b.run()
            assert not b.evidence._states

    run_async(main)


def test_a_lost_node_is_told_soon() -> None:
    async def main() -> None:
        async with bench() as b:
            set_node(b, "True")
            await serving(b, asks=False)
            b.clock.now += 10
            # The node controller marks the node, then its pods; their containers stay as they were.
            set_node(b, "Unknown")
            status = {
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [{"name": "server", "ready": True}],
            }
            place = b.server.place("Pod", "default", "p")
            b.server.objects.change(place, lambda body: body.update(status=status))
            set_ready(b, 0)
            await b.deliver()
            await b.take_all()
            outcome = await b.run()
            assert b.reason() == "Starting"
            assert outcome.requeue_after == 0
            await b.run()
            assert b.status()["lost"] == ["n"]
            assert [one.path for one in b.server.asked].count("/api/v1/nodes") == 1
            outcome = await b.run()
            assert outcome.requeue_after == FRESH_SECONDS

    run_async(main)


def test_a_node_that_was_just_looked_at_is_looked_at_once_more_a_little_later() -> None:
    async def main() -> None:
        async with bench() as b:
            set_node(b, "True")
            await serving(b, asks=False)
            status = {
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [{"name": "server", "ready": True}],
            }
            place = b.server.place("Pod", "default", "p")
            b.server.objects.change(place, lambda body: body.update(status=status))
            await b.deliver()
            b.clock.now += 2
            outcome = await b.run()
            assert outcome.requeue_after == 3
            b.clock.now += 3
            outcome = await b.run()
            assert outcome.requeue_after is not None
            assert outcome.requeue_after > 100
            assert [one.path for one in b.server.asked].count("/api/v1/nodes") == 1

    run_async(main)


def test_a_node_that_is_back_is_told_as_soon_as_its_pods_are() -> None:
    async def main() -> None:
        async with bench() as b:
            set_node(b, "Unknown")
            await serving(b, asks=False)
            await b.run()
            assert b.status()["lost"] == ["n"]
            b.clock.now += 10
            set_node(b, "True")
            status = {"conditions": [{"type": "Ready", "status": "True"}]}
            place = b.server.place("Pod", "default", "p")
            b.server.objects.change(place, lambda body: body.update(status=status))
            await b.deliver()
            await b.take_all()
            outcome = await b.run()
            assert outcome.requeue_after == 0
            await b.run()
            assert "lost" not in b.status()

    run_async(main)
