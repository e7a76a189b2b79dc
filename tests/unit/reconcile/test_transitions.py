"""One hook for all who listen, and one log line for each transition."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cosmos3_operator.reconcile.transitions import TransitionLog, tell
from fakes import toy
from fakes.loop import KEY, bench, run_async

BODY = {"metadata": {"uid": "u"}}
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def ready(status: str, reason: str, message: str = "m") -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {"conditions": [condition | {"lastTransitionTime": "2025-12-31T23:59:00Z"}]}


def test_lines_have_the_reason_before_and_the_time_since(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cosmos3_operator")
    now = [BEGAN]
    log = TransitionLog(clock=lambda: now[0])
    log(KEY, BODY, {}, ready("False", "Starting"))
    now[0] += timedelta(seconds=90)
    log(KEY, BODY, ready("False", "Starting"), ready("False", "Starting", "other words"))
    log(KEY, BODY, ready("False", "Starting"), ready("True", "Serving"))
    assert [record.fields for record in caplog.records] == [  # type: ignore[attr-defined]
        {
            "ready": "False",
            "reason": "Starting",
            "previousReason": None,
            "secondsSincePrevious": None,
        },
        {
            "ready": "True",
            "reason": "Serving",
            "previousReason": "Starting",
            "secondsSincePrevious": 90.0,
        },
    ]


def test_after_a_start_the_time_is_that_of_the_condition(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cosmos3_operator")
    log = TransitionLog(clock=lambda: BEGAN)
    log(KEY, BODY, ready("True", "Serving"), ready("False", "Starting"))
    (record,) = caplog.records
    assert record.fields["secondsSincePrevious"] == 60.0  # type: ignore[attr-defined]


def test_what_is_remembered_is_bounded() -> None:
    log = TransitionLog(clock=lambda: BEGAN)
    for number in range(5000):
        log(KEY, {"metadata": {"uid": str(number)}}, {}, ready("False", "Starting"))
    assert len(log._last) == 4096


def test_a_listener_that_fails_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def broken(*_: Any) -> None:
        raise RuntimeError("bug")

    tell(broken, lambda key, *_: heard.append(str(key)))(KEY, BODY, {}, {})
    assert heard == [str(KEY)]
    assert "a transition could not be told" in caplog.text


def test_the_loop_tells_each_written_status_once_with_the_one_before() -> None:
    heard: list[tuple[str, str]] = []

    def reason(status: Any) -> str:
        conditions = status.get("conditions") or [{"reason": ""}]
        return str(conditions[0]["reason"])

    async def main() -> None:
        async with bench(
            on_transition=lambda key, body, old, new: heard.append((reason(old), reason(new)))
        ) as one:
            one.create(toy.resource())
            await one.settle()
            await one.run()
            place = one.server.place("Deployment", "default", "super")
            one.server.objects.change(place, lambda body: body.update(status={"readyReplicas": 1}))
            await one.settle()
            await one.run()

    logging.getLogger("cosmos3_operator").setLevel(logging.CRITICAL)
    run_async(main)
    assert heard == [("", "Starting"), ("Starting", "Serving")]
