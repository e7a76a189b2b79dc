"""status.startup through whole starts: it moves seldom, never back, and ends at the right time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from cosmos3_operator.api.status import StartupStatus
from cosmos3_operator.catalog.startup import Phase
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.evidence import NOTHING, Evidence, LogAsk
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.progress import left, startup
from unit.status.test_milestones import plan_of, recorded

BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
Status = dict[str, Any]


def stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(
    *,
    name: str = "x",
    conditions: tuple[str, ...] = (),
    server: dict[str, Any] | None = None,
    init: dict[str, Any] | None = None,
    restarts: int = 0,
    started: bool = False,
) -> dict[str, Any]:
    status: dict[str, Any] = {"conditions": [{"type": c, "status": "True"} for c in conditions]}
    if init is not None:
        status["initContainerStatuses"] = [{"name": "devices", "state": init}]
    if server is not None:
        status["containerStatuses"] = [
            {"name": "mesh", "state": {"running": {"startedAt": stamp(BEGAN)}}, "started": True},
            {"name": "server", "state": server, "restartCount": restarts, "started": started},
        ]
    return {"metadata": {"name": name}, "spec": {}, "status": status}


WAITING: dict[str, Any] = {"waiting": {"reason": "PodInitializing"}}
READY_TO_PULL = ("PodScheduled", "PodReadyToStartContainers")


def running(since: datetime = BEGAN) -> dict[str, Any]:
    return {"running": {"startedAt": stamp(since)}}


def seen(*pods: dict[str, Any], log: str | None = None, run: int = 0) -> Observation:
    ask = LogAsk(pod="x", container="server", run=run, is_previous=False, is_live=True)
    logs = {} if log is None else {ask: log}
    return Observation(pods=pods, evidence=Evidence(logs=logs, events={}, inventory={}))


def shown(
    observation: Observation,
    *,
    plan: Plan | None = None,
    now: datetime = BEGAN + timedelta(minutes=1),
    previous: Status | None = None,
) -> Status | None:
    status = startup(plan or plan_of(), observation, now=now, previous=previous or {})
    if status is not None:
        StartupStatus.model_validate(status)
    return status


def test_every_phase_before_the_server_runs() -> None:
    moments = {
        Phase.SCHEDULING: pod(),
        Phase.PREPARING: pod(conditions=("PodScheduled",), init=WAITING, server=WAITING),
        Phase.PULLING: pod(conditions=READY_TO_PULL, init=WAITING, server=WAITING),
    }
    assert [shown(seen(moment)) for moment in moments.values()] == [
        {"phase": str(phase)} for phase in moments
    ]


def test_the_look_at_the_gpus_is_named() -> None:
    looking = pod(conditions=READY_TO_PULL, init=running(), server=WAITING)
    assert shown(seen(looking)) == {"phase": "Preparing", "progress": "looks at its GPUs"}


def test_after_the_look_the_image_of_the_server_is_pulled() -> None:
    looked = {"terminated": {"exitCode": 0}}
    pulling = pod(conditions=READY_TO_PULL, init=looked, server=WAITING)
    assert shown(seen(pulling)) == {"phase": "Pulling"}


@pytest.mark.parametrize(
    "nothing",
    [
        pod(conditions=("PodScheduled", "Ready"), server=running()),
        pod(conditions=("PodScheduled",), server=running(), started=True),
        pod(conditions=READY_TO_PULL, server={"waiting": {"reason": "CrashLoopBackOff"}}),
        pod(conditions=READY_TO_PULL, server={"waiting": {"reason": "ImagePullBackOff"}}),
        pod(conditions=READY_TO_PULL, server={"terminated": {"exitCode": 1}}),
        pod(conditions=READY_TO_PULL, init={"terminated": {"exitCode": 1}}, server=WAITING),
    ],
    ids=["ready", "started before", "waits after a crash", "no image", "crashed", "init failed"],
)
def test_what_does_not_start_is_not_shown(nothing: dict[str, Any]) -> None:
    assert shown(seen(nothing)) is None


def test_nothing_starts_where_nothing_runs() -> None:
    assert shown(seen()) is None
    assert shown(seen(pod()), plan=plan_of(replicas=0)) is None


def test_the_slowest_replica_is_shown() -> None:
    fast = pod(name="x", conditions=("PodScheduled", "Initialized"), server=running())
    slow = pod(name="y", conditions=READY_TO_PULL, init=WAITING, server=WAITING)
    assert (shown(seen(fast, slow, log="Model loading took 1 GiB")) or {})["phase"] == "Pulling"


def start_of_super(minutes: float) -> Observation:
    """Return a cold start of 45 minutes as it looks after so many: 30 of them are the download."""
    if minutes < 1:
        return seen(pod())
    if minutes < 4:
        return seen(pod(conditions=READY_TO_PULL, init=WAITING, server=WAITING))
    if minutes < 5:
        return seen(pod(conditions=READY_TO_PULL, init=running(), server=WAITING))
    since = BEGAN + timedelta(minutes=5)
    server = pod(conditions=("PodScheduled", "Initialized"), server=running(since))
    return seen(server, log="\n".join(log_of_super(minutes - 5)))


def log_of_super(minutes: float) -> Iterator[str]:
    """Yield the lines of the recorded start, at the times that 141 GiB take."""
    lines = recorded("vllm-omni-0.30.0.txt").split("\n")
    download = next(i for i, line in enumerate(lines) if "weights format" in line)
    load = next(i for i, line in enumerate(lines) if "shards:" in line)
    loaded = next(i for i, line in enumerate(lines) if "Model loading took" in line)
    yield from lines[: download + (minutes >= 1)]
    if minutes >= 31:
        yield from lines[download + 1 : load]
        bar = "Multi-thread loading shards: {0:3d}% Completed | {1}/27 [00:00<00:00]"
        yield from (bar.format(n * 4, n) for n in range(28) if minutes >= 31 + n / 4)
    if minutes >= 38:
        yield from lines[loaded:]


def test_a_whole_start_writes_few_statuses_and_never_goes_back() -> None:
    plan, previous, statuses = plan_of(), {}, []
    for step in range(45 * 6):
        minutes = step / 6
        now = BEGAN + timedelta(minutes=minutes)
        status = shown(start_of_super(minutes), plan=plan, now=now, previous=previous)
        assert status is not None
        if status != previous:
            statuses.append(status)
        previous = status
    order = [Phase(status["phase"]) for status in statuses]
    started = order.index(Phase.DOWNLOADING)
    assert list(dict.fromkeys(order[started:])) == [
        Phase.DOWNLOADING,
        Phase.LOADING,
        Phase.WARMING_UP,
    ]
    assert all(before.rank <= after.rank for before, after in pairwise(order[started:]))
    assert 15 < len(statuses) <= 30, [f"{s['phase']} {s.get('progress')}" for s in statuses]
    assert len({s["deadline"] for s in statuses if "deadline" in s}) == 1


def test_what_the_end_of_a_log_has_lost_is_remembered_for_the_same_run() -> None:
    server = pod(conditions=("PodScheduled",), server=running())
    before = shown(seen(server, log="Multi-thread loading shards: 44% Completed | 12/27 [00:01"))
    assert before is not None
    assert before["progress"] == "12 of 27 shards"
    assert shown(seen(server, log="nothing that tells"), previous=before) == before
    assert shown(seen(server), previous=before) == before


def test_another_run_begins_anew() -> None:
    before = shown(seen(pod(server=running()), log="Model loading took 1 GiB"))
    later = BEGAN + timedelta(minutes=5)
    again = pod(conditions=("PodScheduled",), server=running(later), restarts=1)
    after = shown(seen(again, log="", run=1), now=later, previous=before)
    assert after is not None
    assert after["phase"] == "Preparing"


def test_a_crash_loop_is_no_start_until_its_log_tells_more() -> None:
    def looping(restarts: int) -> dict[str, Any]:
        return pod(conditions=(*READY_TO_PULL, "Initialized"), server=running(), restarts=restarts)

    assert shown(seen(looping(2)))
    assert shown(seen(looping(3))) is None
    assert shown(seen(looping(3), log="Model loading took 1 GiB", run=3)) is not None


def test_the_deadline_is_the_end_of_the_budget() -> None:
    plan = plan_of(startupBudgetSeconds=600)
    status = shown(seen(pod(conditions=("PodScheduled",), server=running())), plan=plan)
    assert status is not None
    assert (status["deadline"], status["left"]) == ("2026-11-23T12:10:00Z", "9m")


@pytest.mark.parametrize(
    ("minutes", "budget", "words"),
    [
        (9.9, 600, "9m"),
        (0.5, 600, "under 1m"),
        (0, 600, "none"),
        (-3, 600, "none"),
        (59, 4140, "55m"),
        (60, 4140, "1h"),
        (3, 4140, "under 5m"),
        (1439, 86400, "22h"),
        (119, 86400, "under 2h"),
    ],
)
def test_time_left_is_rounded_down_to_a_step_of_the_budget(
    minutes: float, budget: int, words: str
) -> None:
    assert left(timedelta(minutes=minutes), budget_seconds=budget) == words


@pytest.mark.parametrize("budget", [60, 600, 1800, 4140, 7200, 86400])
def test_time_left_moves_in_at_most_twenty_steps(budget: int) -> None:
    shown_ones = {
        left(timedelta(seconds=seconds), budget_seconds=budget) for seconds in range(1, budget)
    }
    assert len(shown_ones) <= 20


def test_a_replica_whose_log_was_not_read_does_not_hide_one_whose_log_was() -> None:
    unread = pod(name="unread", conditions=("PodScheduled",), server=running())
    read = pod(name="x", conditions=("PodScheduled",), server=running())
    status = shown(seen(unread, read, log="Model loading took 1 GiB"))
    assert status is not None
    assert status["phase"] == "WarmingUp"


def test_without_the_permission_the_status_says_so() -> None:
    refused = Evidence(logs={}, events={}, inventory={}, refused=("pods/log",))
    server = pod(conditions=("PodScheduled",), server=running())
    status = shown(Observation(pods=(server,), evidence=refused))
    assert status is not None
    assert status["progress"] == "how far is not known: the operator may not get pods/log"
    unread = shown(Observation(pods=(server,), evidence=NOTHING))
    assert unread is not None
    assert unread["progress"] == "the server starts"
