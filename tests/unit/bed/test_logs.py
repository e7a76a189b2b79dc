"""Logs of simulated containers: what a kubelet would send, and when it refuses."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from bed.logs import FOLDER, NOTHING, NoLogError, Options, answer, last_words, parse

BEGAN = "2026-01-02T03:04:00Z"
NOW = dt.datetime(2026, 1, 2, 3, 5, tzinfo=dt.UTC)
RUNNING = {"state": {"running": {"startedAt": BEGAN}}}
ENDED = {"terminated": {"startedAt": BEGAN, "finishedAt": "2026-01-02T03:04:02Z", "exitCode": 1}}
CRASHED = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ENDED}


def pod(status: dict[str, Any], *, labels: dict[str, str] | None = None, **words: str) -> Any:
    annotations = {f"bed.cosmos3.io/{k.replace('_', '-')}": v for k, v in words.items()}
    return {
        "metadata": {"name": "p", "annotations": annotations, "labels": labels},
        "spec": {"containers": [{"name": "server"}]},
        "status": {
            "containerStatuses": [{"name": "server", **status}],
            "initContainerStatuses": [{"name": "devices", "state": ENDED}],
        },
    }


def told(found: Any, container: str = "server", **options: Any) -> list[str]:
    return answer(found, container, Options(**options), now=NOW).splitlines()


def test_a_container_without_a_recorded_log_says_that_nothing_runs() -> None:
    assert told(pod(RUNNING)) == NOTHING.splitlines()


def test_lines_come_at_their_pace() -> None:
    offsets = [line.offset for line in parse((FOLDER / "reasoner-starts.log").read_text("utf-8"))]
    slow, fast = (told(pod(RUNNING, log="reasoner-starts", log_pace=pace)) for pace in ("1", "9"))
    assert len(slow) == sum(offset <= 60 for offset in offsets)
    assert len(fast) == len(offsets) > len(slow)
    assert not any(line.startswith("@") for line in fast)


def test_what_has_ended_has_written_everything() -> None:
    found = pod(CRASHED, log="reasoner-starts", log_pace="1", previous_log="bad-argument")
    assert told(found)[-1] == "vllm: error: unrecognized arguments: --no-such-flag"
    assert told(found, previous=True) == told(found)


def test_nothing_is_written_after_the_end() -> None:
    lines = told(pod(CRASHED, log="reasoner-starts"), timestamps=True)
    assert lines[0].startswith("2026-01-02T03:04:00.000000000Z ")
    assert lines[-1].startswith("2026-01-02T03:04:02.000000000Z ")


def test_the_telling_line_is_out_of_reach_of_a_termination_message() -> None:
    lines = told(pod(CRASHED, log="gpu-out-of-memory"))
    assert lines[-1] == ""
    (telling,) = [number for number, line in enumerate(lines) if "CUDA out of memory" in line]
    assert len(lines) - 1 - telling == 310
    assert "CUDA out of memory" not in last_words("gpu-out-of-memory")
    assert len(last_words("gpu-out-of-memory").encode()) <= 2048


def test_a_client_may_ask_for_less() -> None:
    found = pod(RUNNING, log="reasoner-starts")
    everything = told(found)
    assert told(found, tail_lines=2) == everything[-2:]
    assert told(found, tail_lines=0) == []
    assert "\n".join(told(found, limit_bytes=20)) == everything[0][:20]
    recent = told(found, since_seconds=30)
    assert 0 < len(recent) < len(everything)
    assert told(found, timestamps=True)[0].startswith("2026-01-02T03:04:00.000000000Z ")


def test_another_container_and_a_job_have_words_of_their_own() -> None:
    named = {"log.devices": "bad-argument"}
    assert told(pod(RUNNING, log="nccl", **named), "devices")[0].startswith("usage: ")
    job = {"batch.kubernetes.io/job-name": "asks"}
    assert told(pod(RUNNING, labels=job, log="nccl")) == NOTHING.splitlines()
    assert told(pod(RUNNING, labels=job, job_log="bad-argument"))[0].startswith("usage: ")


@pytest.mark.parametrize(
    ("status", "container", "previous", "words"),
    [
        (RUNNING, "server", True, 'previous terminated container "server" in pod "p" not found'),
        (RUNNING, "nobody", False, 'container "nobody" in pod "p" is not available'),
        (
            {"state": {"waiting": {"reason": "ErrImagePull"}}},
            "server",
            False,
            "is waiting to start: image can't be pulled",
        ),
        (
            {"state": {"waiting": {"reason": "PodInitializing"}}},
            "server",
            False,
            "is waiting to start: PodInitializing",
        ),
    ],
)
def test_where_there_is_no_log_the_kubelet_says_why(
    status: dict[str, Any], container: str, previous: bool, words: str
) -> None:
    with pytest.raises(NoLogError, match=words):
        told(pod(status), container, previous=previous)


def test_a_log_that_was_never_recorded_is_named() -> None:
    with pytest.raises(NoLogError, match=r"no recorded log '\.\./README'"):
        told(pod(RUNNING, log="../README"))
