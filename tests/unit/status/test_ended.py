"""Which log tells of the newest end of a container, in each state that a kubelet reports."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.status.ended import ended_log, ended_log_ask, newest_end
from cosmos3_operator.status.evidence import NOTHING, Evidence, LogAsk

POD = {"metadata": {"name": "nano-generator-1"}}
END = {"terminated": {"exitCode": 1}}
WAITS = {"waiting": {"reason": "CrashLoopBackOff"}}


def container(restarts: int, state: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    return {"name": "server", "restartCount": restarts, "state": state, "lastState": last}


@pytest.mark.parametrize(
    ("status", "run", "is_previous"),
    [
        (container(0, END, {}), 0, False),
        (container(2, END, END), 2, False),
        (container(0, WAITS, END), 0, True),
        (container(5, WAITS, END), 5, True),
        (container(6, {"running": {"startedAt": "2026-11-24T10:00:00Z"}}, END), 5, True),
        (container(6, {"waiting": {}}, END), 5, True),
        (container(3, {"waiting": {"reason": "ImagePullBackOff"}}, END), 3, True),
    ],
)
def test_the_log_of_the_run_that_ended(status: dict[str, Any], run: int, is_previous: bool) -> None:
    ask = ended_log_ask(POD, status)
    assert ask == LogAsk("nano-generator-1", "server", run, is_previous, is_live=False)
    assert newest_end(status) == END["terminated"]


def test_nothing_is_asked_of_a_container_that_never_ended() -> None:
    assert ended_log_ask(POD, container(0, {"running": {}}, {})) is None


def test_one_run_has_one_question_while_it_waits_for_the_next() -> None:
    waits = ended_log_ask(POD, container(1, WAITS, END))
    runs_again = ended_log_ask(POD, container(2, {"running": {}}, END))
    assert waits == runs_again


def test_the_log_is_found_where_it_was_read() -> None:
    status = container(1, WAITS, END)
    ask = ended_log_ask(POD, status)
    assert ask is not None
    assert ended_log(Evidence(logs={ask: "words"}, events={}, inventory={}), POD, status) == "words"
    assert ended_log(NOTHING, POD, status) == ""
