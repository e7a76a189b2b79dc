"""Events on transitions only: what is told, once, in order, and that nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.cli.telemetry import event_type
from cosmos3_operator.cluster.errors import Forbidden, NotFound, Unavailable
from cosmos3_operator.cluster.events import Reporter, Written
from cosmos3_operator.reconcile.announce import LONGEST_QUEUE, Announcer, announcements
from cosmos3_operator.reconcile.correlate import BURST, REFILL_SECONDS, SAME_SECONDS, Correlator
from fakes.loop import KEY, NOW, Clock, run_async

BODY = {
    "apiVersion": "serving.cosmos3.io/v1alpha1",
    "kind": KEY.kind,
    "metadata": {"name": KEY.name, "namespace": KEY.namespace, "uid": "u", "resourceVersion": "7"},
}
Status = dict[str, Any]


def status(*conditions: str, warnings: tuple[str, ...] = (), says: str = "") -> Status:
    """Write conditions as Type=Status/Reason."""
    made = []
    for text in conditions:
        type_, _, rest = text.partition("=")
        state, _, reason = rest.partition("/")
        made.append({"type": type_, "status": state, "reason": reason, "message": says + reason})
    return {"conditions": made, "plan": {"warnings": list(warnings)}}


def told(old: Status, new: Status) -> list[str]:
    return [f"{n.type} {n.reason} {n.action}" for n in announcements(old, new, type_of=event_type)]


STARTING = status("Ready=False/Starting", "Reconciling=True/Starting")
SERVING = status("Ready=True/Serving", "Accepted=True/Valid")
REFUSED = status(
    "Ready=False/InvalidSpec", "Stalled=True/InvalidSpec", "Accepted=False/InvalidSpec"
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, STARTING, ["Normal Starting Reconcile"]),
        (STARTING, STARTING, []),
        (STARTING, status("Ready=False/Starting", says="other words: "), []),
        (STARTING, SERVING, ["Normal Serving Reconcile"]),
        (SERVING, status("Ready=True/ScaledToZero"), ["Normal ScaledToZero Reconcile"]),
        # One event for one reason, however many conditions turn for it.
        (SERVING, REFUSED, ["Warning InvalidSpec Reconcile"]),
        (
            status("Ready=False/ContainerFailed"),
            status("Ready=False/ContainerFailed", "Stalled=True/ContainerFailed"),
            ["Warning ContainerFailed Reconcile"],
        ),
        (
            status("Ready=False/Starting", "Accepted=True/Valid"),
            status("Ready=False/Starting", "Accepted=False/NameTaken"),
            ["Warning NameTaken Validate"],
        ),
        (REFUSED, SERVING, ["Normal Serving Reconcile"]),
    ],
)
def test_readiness(old: Status, new: Status, expected: list[str]) -> None:
    assert told(old, new) == expected


READY = "Ready=True/Serving"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("HubAccess=Unknown/CheckingAccess", "HubAccess=True/AccessGranted", ["AccessGranted"]),
        ("HubAccess=True/AccessGranted", "HubAccess=False/HubUnreachable", ["HubUnreachable"]),
        ("Accepted=True/Valid", "HubAccess=False/HubUnreachable", ["HubUnreachable"]),
        ("HubAccess=False/HubUnreachable", "HubAccess=False/RepositoryNotFound", []),
        ("HubAccess=True/AccessGranted", "HubAccess=Unknown/CheckingAccess", []),
        # While a spec is refused, neither is known; the servers that run have not changed.
        ("Accepted=False/InvalidSpec", "HubAccess=True/AccessGranted", []),
        ("Accepted=False/InvalidSpec", "GuardrailsInForce=True/Enabled", []),
        ("GuardrailsInForce=Unknown/NotRunning", "GuardrailsInForce=True/Enabled", ["Enabled"]),
        ("GuardrailsInForce=True/Enabled", "GuardrailsInForce=False/Disabled", ["Disabled"]),
        ("GuardrailsInForce=Unknown/RollingOut", "GuardrailsInForce=False/Disabled", ["Disabled"]),
        ("GuardrailsInForce=True/Enabled", "GuardrailsInForce=Unknown/RollingOut", []),
    ],
)
def test_access_and_guardrails(old: str, new: str, expected: list[str]) -> None:
    reasons = [line.split()[1] for line in told(status(READY, old), status(READY, new))]
    assert reasons == expected


def test_the_audit_event_says_what_is_in_force() -> None:
    new = status(READY, "GuardrailsInForce=False/Disabled", says="by --no-guardrails: ")
    (news,) = announcements(
        status(READY, "GuardrailsInForce=True/Enabled"), new, type_of=event_type
    )
    assert news.note == "Guardrails are not in force: by --no-guardrails: Disabled"


def test_a_new_warning_is_told_once() -> None:
    old, new = status(READY, warnings=("a", "b")), status(READY, warnings=("b", "c"))
    (news,) = announcements(old, new, type_of=event_type)
    assert (news.type, news.reason, news.note) == ("Warning", "PlanWarning", "c")
    assert told(new, old) == ["Warning PlanWarning Plan"]


def test_every_reason_has_a_type() -> None:
    assert {event_type(reason) for reason in Reason} == {"Normal", "Warning"}
    assert event_type("NoSuchReason") == "Warning"
    assert event_type(Reason.SERVING) == "Normal"


class Sink:
    """A cluster that notes what it is told."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.bodies: list[Mapping[str, Any]] = []
        self.errors: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def create(self, body: Mapping[str, Any]) -> Written:
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.written.append(body["note"])
        self.bodies.append(body)
        return Written(body["metadata"]["namespace"], body["metadata"]["name"])

    async def repeat(self, written: Written, *, count: int, now: datetime) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.written.append(f"{written.name[:5]} again, {count} times")


class Rig:
    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.sink = Sink()
        self.results: list[str] = []
        self.clock = Clock()
        self.announcer = Announcer(
            sink=self.sink,
            reporter=Reporter(controller="c", instance="i"),
            type_of=event_type,
            correlator=Correlator(clock=self.clock),
            clock=lambda: NOW + timedelta(seconds=self.clock.now),
            on_event=lambda type_, reason, result: self.results.append(result),
            sleep=sleep,
        )

    def turn(self, note: str, *, uid: str = "u", reason: str = "Starting") -> None:
        new = status(f"Ready=False/{reason}")
        new["conditions"][0]["message"] = note
        metadata = {**BODY["metadata"], "uid": uid}  # type: ignore[dict-item]
        self.announcer.on_transition(KEY, {**BODY, "metadata": metadata}, {}, new)

    async def settle(self) -> None:
        await self.announcer.flush(30)


@asynccontextmanager
async def rig() -> Any:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    made = Rig(sleep)
    made.waits = waits  # type: ignore[attr-defined]
    sender = asyncio.create_task(made.announcer.run())
    try:
        yield made
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)


def test_the_same_again_within_an_hour_is_a_series() -> None:
    async def main() -> None:
        async with rig() as one:
            for _ in range(3):
                one.turn("a")
            one.turn("b")
            one.turn("a", uid="another")
            await one.settle()
            assert one.sink.written == [
                "a",
                "super again, 2 times",
                "super again, 3 times",
                "b",
                "a",
            ]
            one.clock.now += SAME_SECONDS + 1
            one.turn("a")
            await one.settle()
            assert one.sink.written[-1] == "a"
            assert one.results == [
                "created",
                "repeated",
                "repeated",
                "created",
                "created",
                "created",
            ]

    run_async(main)


def test_a_series_whose_event_has_expired_begins_anew() -> None:
    async def main() -> None:
        async with rig() as one:
            one.turn("a")
            await one.settle()
            one.sink.errors.append(NotFound("gone", code=404, reason="NotFound"))
            one.turn("a")
            one.turn("a")
            await one.settle()
            assert one.sink.written == ["a", "a", "super again, 2 times"]

    run_async(main)


def test_an_object_that_talks_too_much_is_limited_and_others_are_not() -> None:
    async def main() -> None:
        async with rig() as one:
            for number in range(BURST + 5):
                one.turn(str(number))
            one.turn("other", uid="v")
            await one.settle()
            assert one.sink.written == [*map(str, range(BURST)), "other"]
            assert one.results.count("limited") == 5
            one.clock.now += REFILL_SECONDS
            one.turn("later")
            one.turn("too soon")
            await one.settle()
            assert one.sink.written[-1] == "later"

    run_async(main)


def test_a_flood_is_bounded_and_nobody_waits() -> None:
    async def main() -> None:
        async with rig() as one:
            one.sink.gate.clear()
            for number in range(LONGEST_QUEUE + 10):
                one.turn("a", uid=str(number))
            assert one.results.count("dropped") == 10
            one.sink.gate.set()
            await one.settle()
            assert len(one.sink.written) == LONGEST_QUEUE

    run_async(main)


def test_events_of_one_moment_have_names_and_times_of_their_own() -> None:
    async def main() -> None:
        async with rig() as one:
            new = status("Ready=True/Serving", "HubAccess=False/HubUnreachable", warnings=("w",))
            one.announcer.on_transition(KEY, BODY, {}, new)
            await one.settle()
            times = [body["eventTime"] for body in one.sink.bodies]
            names = {body["metadata"]["name"] for body in one.sink.bodies}
            assert times == sorted(times)
            assert len(names) == len(times) == 3

    run_async(main)


def test_an_api_server_that_is_away_is_asked_again_for_a_while() -> None:
    async def main() -> None:
        async with rig() as one:
            one.sink.errors += [Unavailable("away"), Unavailable("busy", code=429, retry_after=9)]
            one.turn("a")
            await one.settle()
            assert one.sink.written == ["a"]
            assert one.waits == [1, 9]
            one.sink.errors += [Unavailable("later", retry_after=3600)]
            one.sink.errors += [Unavailable("away")] * 3
            one.turn("lost")
            one.turn("b")
            await one.settle()
            assert one.sink.written == ["a", "b"]
            assert one.results == ["created", "failed", "created"]
            assert one.waits[2:] == [30, 2, 4]

    run_async(main)


def test_a_permission_that_is_missing_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with rig() as one:
            ending = "unable to create new content in namespace t because it is being terminated"
            one.sink.errors.append(Forbidden(ending, code=403, reason="Forbidden"))
            one.turn("a")
            await one.settle()
            assert not caplog.records
            one.sink.errors += [Forbidden("may not", code=403, reason="Forbidden")] * 3
            for note in "bcd":
                one.turn(note)
            await one.settle()
            assert [record.getMessage() for record in caplog.records] == [
                "events cannot be told: may not"
            ]
            assert one.results == ["failed"] * 4

    caplog.set_level("WARNING", "cosmos3_operator")
    run_async(main)


def test_a_bug_in_one_event_does_not_end_the_sender(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with rig() as one:
            one.sink.errors.append(RuntimeError("bug"))
            one.turn("a")
            one.turn("b")
            await one.settle()
            assert one.sink.written == ["b"]
            assert "an event could not be told" in caplog.text

    caplog.set_level("WARNING", "cosmos3_operator")
    run_async(main)


def test_what_is_remembered_is_bounded() -> None:
    async def main() -> None:
        async with rig() as one:
            for number in range(5000):
                one.turn("a", uid=str(number))
                if number % 500 == 0:
                    await one.settle()
            await one.settle()
            assert len(one.announcer._correlator._seen) == 4096
            assert len(one.announcer._correlator._buckets) == 4096
            one.clock.now += BURST * REFILL_SECONDS + 1
            one.turn("a")
            await one.settle()
            assert len(one.announcer._correlator._seen) == 1
            assert len(one.announcer._correlator._buckets) == 1

    run_async(main)
