"""One leader at any time: candidates on one API server, each with a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import aiohttp
import pytest

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.lease import Elector, Timing
from fakes.apiserver import Asked, FakeApiServer
from fakes.loop import NOW, Clock, run_async

LEASE = 15.0
QUICK = Timing(lease=0.015)
"""Attempts follow each other at once, while the clocks stand still."""


@dataclass
class Vote:
    server: FakeApiServer
    clock: Clock
    candidate: Callable[..., Elector]

    def spec(self) -> dict[str, Any]:
        live = self.server.live("Lease", "system", "operator")
        assert live is not None
        return dict(live["spec"])

    def is_lease(self, asked: Asked) -> bool:
        return asked.path.endswith("/leases/operator")

    async def requests(self, number: int) -> None:
        """Wait until so many more have come in."""
        come, enough = count(1), asyncio.Event()

        def counted(asked: Asked) -> bool:
            if next(come) >= number:
                enough.set()
            return False

        self.server.holds.append((counted, asyncio.Event()))
        await enough.wait()


@asynccontextmanager
async def vote() -> AsyncIterator[Vote]:
    server, clock = FakeApiServer(), Clock()
    begin = clock.now
    async with server.running(), aiohttp.ClientSession() as session:

        def candidate(name: str, *, timing: Timing = Timing(lease=LEASE)) -> Elector:  # noqa: B008
            return Elector(
                client=Client(session=session, server=server.url, manager="me"),
                namespace="system",
                name="operator",
                identity=name,
                timing=timing,
                clock=clock,
                now=lambda: NOW + timedelta(seconds=clock.now - begin),
            )

        yield Vote(server, clock, candidate)


def test_the_first_one_leads_and_the_second_stands_by() -> None:
    async def main() -> None:
        async with vote() as v:
            one, two = v.candidate("one"), v.candidate("two")
            assert (await one.attempt(), await two.attempt()) == (True, False)
            assert (one.is_leader, two.is_leader, two.holder) == (True, False, "one")
            assert v.spec() == {
                "holderIdentity": "one",
                "leaseDurationSeconds": 15,
                "acquireTime": "2026-01-01T00:00:00.000000Z",
                "renewTime": "2026-01-01T00:00:00.000000Z",
                "leaseTransitions": 0,
            }

    run_async(main)


def test_a_permission_that_is_missing_is_said_once_until_it_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with vote() as v:
            one = v.candidate("one")
            rule = v.server.fail(v.is_lease, 403, message="may not")
            assert (await one.attempt(), await one.attempt()) == (False, False)
            assert one.trouble == "cannot hold the Lease operator in system: may not"
            rule.times = 0
            assert await one.attempt()
            assert one.trouble == ""

    run_async(main)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["cannot hold the Lease operator in system: may not"]


def test_of_two_that_create_it_at_once_one_leads() -> None:
    async def main() -> None:
        async with vote() as v:
            candidates = [v.candidate(str(number)) for number in range(8)]
            won = await asyncio.gather(*(one.attempt() for one in candidates))
            assert sum(won) == 1
            assert [one.is_leader for one in candidates] == won

    run_async(main)


def test_a_lease_that_still_changes_is_never_taken() -> None:
    async def main() -> None:
        async with vote() as v:
            one, two = v.candidate("one"), v.candidate("two")
            await one.attempt()
            for _ in range(5):
                assert not await two.attempt()
                v.clock.now += LEASE - 1
                assert await one.attempt()
            assert not await two.attempt()

    run_async(main)


def test_a_lease_that_stands_still_is_taken_and_its_old_holder_finds_out() -> None:
    async def main() -> None:
        async with vote() as v:
            one, two = v.candidate("one"), v.candidate("two")
            await one.attempt()
            assert not await two.attempt()
            v.clock.now += LEASE
            assert await two.attempt()
            assert v.spec()["leaseTransitions"] == 1
            assert not await one.attempt()
            assert one.holder == "two"

    run_async(main)


def test_a_standby_judges_by_its_own_clock_from_when_it_first_looked() -> None:
    async def main() -> None:
        async with vote() as v:
            await v.candidate("one").attempt()
            v.clock.now += 10 * LEASE
            two = v.candidate("two")
            assert not await two.attempt()
            v.clock.now += LEASE
            assert await two.attempt()

    run_async(main)


def test_a_released_lease_is_free_at_once() -> None:
    async def main() -> None:
        async with vote() as v:
            one, two = v.candidate("one"), v.candidate("two")
            await one.attempt()
            await one.release()
            assert not one.is_leader
            assert v.spec()["holderIdentity"] == ""
            assert await two.attempt()

    run_async(main)


def test_who_does_not_lead_releases_nothing() -> None:
    async def main() -> None:
        async with vote() as v:
            one, two = v.candidate("one"), v.candidate("two")
            await one.attempt()
            await two.attempt()
            await two.release()
            assert v.spec()["holderIdentity"] == "one"

    run_async(main)


def test_an_answer_that_got_lost_is_no_defeat() -> None:
    """The write came through, its answer did not: the next attempt finds our own name."""

    async def main() -> None:
        async with vote() as v:
            one = v.candidate("one")
            await one.attempt()
            place = v.server.place("Lease", "system", "operator")
            v.server.objects.change(place, lambda body: body["spec"].update(renewTime="later"))
            assert not await one.attempt()
            assert one.is_leader
            assert await one.attempt()

    run_async(main)


def test_campaign_ends_when_the_lease_is_ours() -> None:
    async def main() -> None:
        async with vote() as v:
            one, two = v.candidate("one"), v.candidate("two", timing=QUICK)
            await one.attempt()
            campaign = asyncio.create_task(two.campaign())
            await v.requests(3)
            assert not campaign.done()
            await one.release()
            await campaign
            assert two.is_leader

    run_async(main)


def test_who_cannot_renew_gives_up_before_others_may_take_over() -> None:
    async def main() -> None:
        async with vote() as v:
            timing = Timing(lease=QUICK.lease)
            one = v.candidate("one", timing=timing)
            await one.attempt()
            v.server.fail(v.is_lease, 503)
            keeping = asyncio.create_task(one.keep())
            await v.requests(3)
            assert one.is_leader, "its clock stands still, so the deadline is not over"
            v.clock.now += timing.renew_deadline
            await keeping
            assert not one.is_leader

    run_async(main)


def test_who_finds_another_name_gives_up_at_once() -> None:
    async def main() -> None:
        async with vote() as v:
            one = v.candidate("one", timing=QUICK)
            await one.attempt()
            place = v.server.place("Lease", "system", "operator")
            v.server.objects.change(
                place, lambda body: body["spec"].update(holderIdentity="intruder")
            )
            await one.keep()
            assert (one.is_leader, one.holder) == (False, "intruder")

    run_async(main)


def test_deadlines_are_ordered() -> None:
    timing = Timing()
    assert (timing.lease, timing.renew_deadline, timing.retry) == (15, 10, 2)
