"""Who ended a run, and whether a server starts or has fallen silent."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.status.evidence import EventsAsk, Evidence
from unit.status import moments

Json = dict[str, Any]
BUDGET = 600


def reason_of(pod: Json, *events: Json) -> str:
    evidence = Evidence(logs={}, events={EventsAsk("Pod", moments.POD): events}, inventory={})
    made = moments.summary(moments.seen(pod, evidence=evidence), startupBudgetSeconds=BUDGET)
    return str(moments.ready(made.status)["reason"])


def killing(probe: str, at: str, *, name: str = "server") -> Json:
    words = f"Container {name} failed {probe} probe, will be restarted"
    return {"reason": "Killing", "message": words, "lastTimestamp": at}


def restarted(code: int, seconds: int) -> Json:
    """A run from 11:51 on that took so long; the next one runs."""
    last = moments.ended(code, seconds=seconds)
    return moments.pod(moments.container(moments.runs("2026-11-23T12:20:00Z"), last, restarts=1))


@pytest.mark.parametrize(
    ("code", "seconds", "reason"),
    [
        (137, BUDGET - 1, "ContainerFailed"),
        (137, BUDGET, "StartupBudgetExceeded"),
        (143, BUDGET + 30, "StartupBudgetExceeded"),
        (0, BUDGET + 30, "StartupBudgetExceeded"),
        (1, BUDGET + 30, "ContainerFailed"),
    ],
)
def test_without_events_time_and_exit_code_tell(code: int, seconds: int, reason: str) -> None:
    assert reason_of(restarted(code, seconds)) == reason


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (killing("liveness", "2026-11-23T11:52:00Z"), "LivenessFailed"),
        (killing("startup", "2026-11-23T11:52:00Z"), "StartupBudgetExceeded"),
        (killing("liveness", "2026-11-23T11:50:00Z"), "ContainerFailed"),
        (killing("liveness", "2026-11-23T11:55:00Z"), "ContainerFailed"),
        (killing("liveness", "2026-11-23T11:52:00Z", name="proxy"), "ContainerFailed"),
    ],
)
def test_an_event_tells_of_the_run_in_which_it_happened(event: Json, reason: str) -> None:
    assert reason_of(restarted(137, 120), event) == reason


def test_a_crash_is_no_kill_whatever_a_probe_did() -> None:
    assert reason_of(restarted(1, 120), killing("liveness", "2026-11-23T11:52:00Z")) == (
        "ContainerFailed"
    )


@pytest.mark.parametrize(
    ("since", "more", "reason"),
    [
        ("2026-11-23T11:57:00Z", {"started": True}, "NotAnswering"),
        ("2026-11-23T11:57:00Z", {"started": False}, "Starting"),
        ("2026-11-23T11:50:00Z", {"started": True}, "Starting"),
        ("2026-11-23T11:57:00Z", {"started": True, "ready": True}, "Starting"),
    ],
)
def test_only_what_was_ready_can_fall_silent(since: str, more: Json, reason: str) -> None:
    server = moments.container(moments.runs("2026-11-23T11:51:00Z"), **more)
    assert reason_of(moments.pod(server, since=since)) == reason


def test_silence_now_says_more_than_a_crash_before() -> None:
    server = moments.container(moments.runs(), moments.ended(1), restarts=1, started=True)
    assert reason_of(moments.pod(server, since="2026-11-23T11:57:00Z")) == "NotAnswering"


def test_a_sidecar_that_ends_is_not_called_the_server() -> None:
    proxy = moments.container(moments.waits("CrashLoopBackOff"), moments.ended(1)) | {
        "name": "proxy"
    }
    status = moments.summary(moments.seen(moments.pod(proxy))).status
    assert "The container proxy ended with exit code 1" in moments.ready(status)["message"]
    assert "-c proxy" in status["findings"][0]["remedy"]
