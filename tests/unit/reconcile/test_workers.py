"""Every way a pass can end, and what happens next; stopping in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from cosmos3_operator.cluster.errors import Forbidden, Unavailable
from cosmos3_operator.reconcile.backoff import Backoff
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.reconciler import Outcome
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.reconcile.workers import Workers
from fakes.loop import KEY, Clock, run_async

Reconcile = Callable[[Key], Awaitable[Outcome]]


class Rig:
    def __init__(self, reconcile: Reconcile) -> None:
        self.queue: KeyedQueue[Key] = KeyedQueue()
        self.delays: list[float] = []
        self.results: list[tuple[str, str]] = []
        self.clock = Clock()
        self.queue.add_after = self._note  # type: ignore[method-assign]
        self.passed = asyncio.Event()
        self.workers = Workers(
            queue=self.queue,
            reconcile=reconcile,
            store=Store(),
            backoff=Backoff(uniform=lambda low, high: (low + high) / 2),
            on_pass=self._passed,
            clock=self.clock,
        )

    def _note(self, key: Key, delay: float) -> None:
        self.delays.append(delay)

    def _passed(self, kind: str, result: str, seconds: float) -> None:
        self.results.append((kind, result))
        self.passed.set()

    async def passes(self, number: int) -> None:
        for _ in range(number):
            self.passed.clear()
            self.queue.add(KEY)
            await self.passed.wait()


def ends_with(*outcomes: Outcome | Exception) -> Reconcile:
    left = list(outcomes)

    async def reconcile(key: Key) -> Outcome:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return reconcile


OK = Outcome(result="success", requeue_after=100.0)
WAITS = Outcome(result="success", requeue_after=9.0, waits=True)
GONE = Outcome(result="gone")
REFUSED = Outcome(result="refused", requeue_after=100.0)
MOVED = Outcome(result="success", requeue_after=100.0, has_moved=True)
BUSY = Unavailable("busy", code=429, retry_after=9.0)
AWAY = Unavailable("away")
NO = Forbidden("no", code=403, reason="Forbidden")


@pytest.mark.parametrize(
    ("outcomes", "results", "delays"),
    [
        ([OK], ["success"], [100]),
        ([WAITS], ["requeue_after"], [9]),
        ([GONE], ["success"], []),
        ([REFUSED] * 3, ["error"] * 3, [1, 2, 4]),
        ([REFUSED, OK, REFUSED], ["error", "success", "error"], [1, 100, 1]),
        ([MOVED, MOVED, MOVED], ["requeue"] * 3, [0, 2, 4]),
        ([BUSY, AWAY], ["error"] * 2, [9, 2]),
        ([NO, RuntimeError("bug")], ["error"] * 2, [1, 2]),
    ],
)
def test_what_comes_after_a_pass(
    outcomes: list[Outcome | Exception], results: list[str], delays: list[float]
) -> None:
    async def main() -> None:
        rig = Rig(ends_with(*outcomes))
        rig.workers.start(2)
        await rig.passes(len(outcomes))
        assert await rig.workers.stop()
        assert [result for _, result in rig.results] == results
        assert rig.delays == delays

    logging.getLogger("cosmos3_operator").setLevel(logging.CRITICAL)
    run_async(main)


def test_an_outage_is_not_said_a_thousand_times(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rig = Rig(ends_with(*[AWAY] * 5))
        rig.workers.start(1)
        await rig.passes(4)
        rig.clock.now += 100
        await rig.passes(1)
        await rig.workers.stop()

    with caplog.at_level(logging.WARNING):
        run_async(main)
    assert len([one for one in caplog.records if one.levelno == logging.WARNING]) == 2


def test_stopping_lets_a_running_pass_end_and_starts_no_other() -> None:
    async def main() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()
        done: list[Key] = []

        async def reconcile(key: Key) -> Outcome:
            begun.set()
            await may_end.wait()
            done.append(key)
            return GONE

        rig = Rig(reconcile)
        rig.workers.start(1)
        rig.queue.add(KEY)
        await begun.wait()
        rig.queue.add(Key("CosmosGenerator", "default", "other"))
        stopping = asyncio.create_task(rig.workers.stop())
        await asyncio.sleep(0)
        may_end.set()
        assert await stopping
        assert done == [KEY]

    run_async(main)


def test_a_pass_that_does_not_end_is_cut_off() -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def reconcile(key: Key) -> Outcome:
            begun.set()
            await asyncio.Event().wait()
            return GONE

        rig = Rig(reconcile)
        rig.workers.start(1)
        rig.queue.add(KEY)
        await begun.wait()
        rig.clock.now += 301
        assert rig.workers.longest_pass() == 301
        assert not await rig.workers.stop(0.01)
        assert rig.workers.longest_pass() == 0

    run_async(main)


def test_stopping_before_the_start_is_fine() -> None:
    async def main() -> None:
        assert await Rig(ends_with()).workers.stop()

    run_async(main)
