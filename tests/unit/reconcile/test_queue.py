"""The queue's promises: no key runs twice at once, no add is lost, close lets everybody go."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos3_operator.reconcile.queue import KeyedQueue
from fakes.loop import run_async

KEYS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS),
        st.tuples(st.just("later"), KEYS),
        st.tuples(st.just("breathe"), st.integers(1, 5)),
    ),
    max_size=60,
)


class Crew:
    """Workers that check, at every start, that nobody else runs the key."""

    def __init__(self, chance: random.Random) -> None:
        self.queue: KeyedQueue[str] = KeyedQueue()
        self.chance = chance
        self.running: set[str] = set()
        self.asked: dict[str, int] = {}
        self.started: dict[str, int] = {}
        self.moment = 0

    async def work(self) -> None:
        while (key := await self.queue.take()) is not None:
            assert key not in self.running
            self.running.add(key)
            self.started[key] = self.moment
            await breathe(self.chance.randrange(4))
            self.running.discard(key)
            self.queue.done(key)

    async def take(self, step: str, what: Any) -> None:
        self.moment += 1
        if step == "breathe":
            await breathe(what)
            return
        self.asked[what] = self.moment
        if step == "add":
            self.queue.add(what)
        else:
            self.queue.add_after(what, 0.0)

    async def rest(self) -> None:
        while self.queue.depth or self.running or self.queue._timers:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def breathe(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, workers=st.integers(1, 4), seed=st.integers(0, 2**16))
def test_no_key_runs_twice_at_once_and_no_add_is_lost(
    steps: list[tuple[str, Any]], workers: int, seed: int
) -> None:
    async def main() -> None:
        crew = Crew(random.Random(seed))
        tasks = [asyncio.create_task(crew.work()) for _ in range(workers)]
        for step, what in steps:
            await crew.take(step, what)
        await crew.rest()
        for key, last in crew.asked.items():
            assert crew.started[key] >= last
        crew.queue.close()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_many_adds_are_one_run() -> None:
    async def main() -> None:
        queue: KeyedQueue[str] = KeyedQueue()
        for _ in range(5):
            queue.add("a")
        assert queue.depth == 1
        assert await queue.take() == "a"
        for _ in range(5):
            queue.add("a")
        assert queue.depth == 1
        queue.done("a")
        assert await queue.take() == "a"
        queue.done("a")
        assert queue.depth == 0

    run_async(main)


def test_the_sooner_timer_wins_and_an_add_overtakes_it() -> None:
    async def main() -> None:
        queue: KeyedQueue[str] = KeyedQueue()
        queue.add_after("a", 1000)
        queue.add_after("a", 2000)
        first = queue._timers["a"].when()
        queue.add_after("a", 500)
        assert queue._timers["a"].when() < first
        queue.add("a")
        assert not queue._timers
        assert await queue.take() == "a"
        queue.done("a")
        queue.add_after("b", 1000)
        queue.forget("b")
        assert not queue._timers

    run_async(main)


def test_waiting_is_measured() -> None:
    async def main() -> None:
        waits: list[float] = []
        queue: KeyedQueue[str] = KeyedQueue(on_wait=waits.append)
        queue.add("a")
        await queue.take()
        assert len(waits) == 1
        assert waits[0] >= 0

    run_async(main)


def test_a_closed_queue_refuses_adds_and_releases_all_takers() -> None:
    async def main() -> None:
        queue: KeyedQueue[str] = KeyedQueue()
        takers = [asyncio.create_task(queue.take()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.add_after("later", 1000)
        queue.close()
        queue.add("a")
        queue.add_after("b", 0)
        assert await asyncio.gather(*takers) == [None, None, None]
        assert await queue.take() is None
        assert queue.depth == 0
        assert not queue._timers

    run_async(main)


def test_a_key_that_ends_after_the_close_does_not_run_again() -> None:
    async def main() -> None:
        queue: KeyedQueue[str] = KeyedQueue()
        queue.add("a")
        await queue.take()
        queue.add("a")
        queue.close()
        queue.done("a")
        assert await queue.take() is None

    run_async(main)
