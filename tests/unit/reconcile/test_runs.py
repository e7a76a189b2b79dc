"""A log is attributed to the run that it is of, or to none."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.reconcile.runs import identify, lines_of
from cosmos3_operator.status.evidence import LogAsk

ENDED = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z"}
FIRST = {"terminated": {"containerID": "c://1", **ENDED}}
SECOND = {"terminated": {"containerID": "c://2", **ENDED}}
RUNS = {"running": {"startedAt": "2026-01-01T00:02:00Z"}}
WAITS = {"waiting": {"reason": "CrashLoopBackOff"}}


def pod(state: dict[str, Any], last: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    container = {"name": "server", "state": state, "lastState": last or {}, **more}
    return {"metadata": {"name": "p", "uid": "u"}, "status": {"containerStatuses": [container]}}


def ask(*, previous: bool = False, live: bool = False, container: str = "server") -> LogAsk:
    return LogAsk("p", container, 0, is_previous=previous, is_live=live)


@pytest.mark.parametrize(
    ("state", "last", "previous", "expected"),
    [
        (RUNS, FIRST, True, "c://1"),
        (RUNS, FIRST, False, "c://3"),
        (SECOND, FIRST, False, "c://2"),
        (SECOND, FIRST, True, "c://1"),
        (WAITS, FIRST, True, "c://1"),
        (WAITS, FIRST, False, "c://1"),
        (WAITS, None, False, ""),
        (RUNS, None, True, ""),
        # A container that could not be made again has an end without an id.
        ({"terminated": {"containerID": ""}}, FIRST, False, "c://1"),
    ],
)
def test_the_run_that_the_kubelet_would_answer_with(
    state: Any, last: Any, previous: bool, expected: str
) -> None:
    found = pod(state, last, containerID="c://3")
    assert identify(found, ask(previous=previous)) == expected


def test_init_containers_have_runs_too_and_unknown_ones_none() -> None:
    status = {"initContainerStatuses": [{"name": "devices", "state": FIRST}]}
    found = {"metadata": {}, "status": status}
    assert identify(found, ask(container="devices")) == "c://1"
    assert identify(found, ask()) == identify({}, ask()) == ""


def test_where_nodes_give_no_ids_times_tell_runs_apart() -> None:
    first = {"terminated": ENDED}
    second = {"terminated": {**ENDED, "finishedAt": "2026-01-01T00:09:00Z"}}
    names = {identify(pod(WAITS, end), ask(previous=True)) for end in (first, second)}
    assert len(names) == 2
    assert "" not in names


def stamped(*lines: tuple[str, str]) -> str:
    return "".join(f"2026-01-01T{time}.000000001Z {line}\n" for time, line in lines)


def test_times_are_taken_off() -> None:
    text = stamped(("00:00:01", "a"), ("00:01:00", "2026-01-01T00:00:00Z b")) + "cut in two\n"
    expected = "a\n2026-01-01T00:00:00Z b\ncut in two\n"
    assert lines_of(text, pod=pod(WAITS, FIRST), ask=ask(previous=True)) == expected


def test_lines_that_are_younger_than_the_end_are_of_another_run() -> None:
    text = stamped(("00:00:50", "of this run"), ("00:01:10", "of the next"))
    assert lines_of(text, pod=pod(WAITS, FIRST), ask=ask(previous=True)) is None
    assert lines_of(text, pod=pod(FIRST), ask=ask()) is None
    late = stamped(("00:01:02", "read from the pipe after the end"))
    assert lines_of(late, pod=pod(FIRST), ask=ask()) is not None


def test_a_run_that_goes_on_has_lines_of_any_age() -> None:
    assert lines_of(stamped(("09:00:00", "a")), pod=pod(RUNS, FIRST), ask=ask(live=True)) == "a\n"


@pytest.mark.parametrize(
    "text",
    [
        "unable to retrieve container logs for containerd://1",
        'failed to try resolving symlinks in path "/var/log/pods/x/0.log": no such file',
    ],
)
def test_what_the_kubelet_says_is_no_log(text: str) -> None:
    assert lines_of(text, pod=pod(FIRST), ask=ask()) is None
    printed = stamped(("00:00:01", text))
    assert lines_of(printed, pod=pod(FIRST), ask=ask()) == f"{text}\n"


def test_nonsense_for_times_is_survived() -> None:
    text = "2026-99-99T99:99:99Z a\n"
    assert lines_of(text, pod=pod(FIRST), ask=ask()) == "a\n"
