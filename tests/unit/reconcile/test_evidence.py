"""What is asked for is read once, rarely, briefly, and never in the way of a pass."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from cosmos3_operator.reconcile import evidence as limits
from cosmos3_operator.reconcile.evidence import EvidenceReader
from cosmos3_operator.reconcile.fetch import KEPT_BYTES, LARGEST_EVENTS, LINES, LIVE_LINES, Fetcher
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.status.evidence import Ask, EventsAsk, InventoryAsk, LogAsk
from fakes.apiserver import Asked
from fakes.loop import KEY, Bench, bench, run_async

GPU = "nvidia.com/gpu"
TIMES = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z"}
WAITS = {"waiting": {"reason": "CrashLoopBackOff"}}
RUNS = {"running": {"startedAt": "2026-01-01T00:02:00Z"}}


def ended(number: int) -> dict[str, Any]:
    return {"terminated": {"containerID": f"c://{number}", "exitCode": 1, **TIMES}}


def log(pod: str = "p", *, run: int = 0, previous: bool = True, live: bool = False) -> LogAsk:
    return LogAsk(pod, "server", run, is_previous=previous, is_live=live)


LIVE = log(run=1, previous=False, live=True)


def put_pod(
    b: Bench,
    name: str = "p",
    *,
    state: dict[str, Any] = WAITS,
    last: dict[str, Any] | None = None,
    node: str = "n",
    key: Key = KEY,
) -> None:
    """Show a pod in the store, newer than what is there."""
    container = {"name": "server", "state": state, "lastState": last or ended(1)}
    b.server.objects.version += 1
    metadata = {"name": name, "uid": f"uid-{name}", "namespace": key.namespace}
    body = {
        "metadata": metadata | {"resourceVersion": str(b.server.objects.version)},
        "spec": {"nodeName": node},
        "status": {"containerStatuses": [container | {"containerID": "c://9"}]},
    }
    b.store.put_pod(key, body)
    place = b.server.place("Pod", key.namespace, name)
    if place not in b.server.objects.stored:
        b.server.objects.create(place, {"apiVersion": "v1", "kind": "Pod"})


def lines(*words: str) -> str:
    return "".join(f"2026-01-01T00:00:30.000000001Z {one}\n" for one in words)


def is_log(one: Asked) -> bool:
    return one.path.endswith("/log")


def is_events(one: Asked) -> bool:
    return one.path.endswith("/events")


def is_pods(one: Asked) -> bool:
    return one.path == "/api/v1/pods"


def asked(b: Bench) -> list[str]:
    """Return what was read since the last call."""
    found = [one.path.rpartition("/")[2] for one in b.server.asked]
    b.server.asked.clear()
    return found


async def rounds(b: Bench, ask: Ask, *, times: int, every: float) -> int:
    """Collect again and again; return how many requests that took."""
    for _ in range(times):
        await b.evidence.collect(KEY, [ask])
        b.clock.now += every
    return len(asked(b))


async def woken(b: Bench) -> Key | None:
    key = await asyncio.wait_for(b.queue.take(), 30)
    assert key is not None
    b.queue.done(key)
    return key


# What is read.


def test_a_log_is_read_with_bounds_and_without_times_and_credentials() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = lines("loading", "token=hf_" + "A1b2C3d4" * 4)
            found = await b.evidence.collect(KEY, [log()])
            assert found.logs == {log(): "loading\ntoken=[redacted]\n"}
            (request,) = b.server.asked
            assert request.path == "/api/v1/namespaces/default/pods/p/log"
            assert request.query == {
                "container": "server",
                "previous": "true",
                "tailLines": str(LINES),
                "limitBytes": str(1024 * 1024),
                "timestamps": "true",
            }
            assert b.read == [("log", "ok")]

    run_async(main)


def test_of_a_run_that_goes_on_less_is_read() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b, state=RUNS)
            b.server.logs["p", "server"] = lines("loading")
            assert (await b.evidence.collect(KEY, [LIVE])).logs == {LIVE: "loading\n"}
            (request,) = b.server.asked
            assert request.query["tailLines"] == str(LIVE_LINES)
            assert "previous" not in request.query

    run_async(main)


def test_the_end_of_a_long_log_is_kept_and_begins_with_a_whole_line() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            words = [f"{number:05d} " + "x" * 300 for number in range(LINES)]
            b.server.logs["p", "server-p"] = lines(*words)
            text = (await b.evidence.collect(KEY, [log()])).logs[log()]
            assert text.endswith(f"{words[-1]}\n")
            assert len(text) < KEPT_BYTES
            assert set(text.splitlines()) <= set(words)
            assert len(asked(b)) == 1

    run_async(main)


def test_a_log_whose_end_the_limit_would_cut_off_is_read_with_fewer_lines() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = lines(*("x" * 4000 for _ in range(LINES)), "the cause")
            text = (await b.evidence.collect(KEY, [log()])).logs[log()]
            assert text.endswith("the cause\n")
            tails = [one.query["tailLines"] for one in b.server.asked]
            assert tails == [str(LINES), str(LINES // 10)]

    run_async(main)


def event(name: str, number: int, *, kind: str = "Pod", uid: str = "uid-p") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "involvedObject": {"kind": kind, "name": name, "uid": uid},
        "type": "Warning",
        "reason": "Failed",
        "message": f"{number:03d} Bearer abcdefghijklmnop",
        "count": number,
        "lastTimestamp": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z",
    }


def put_event(b: Bench, name: str, body: dict[str, Any]) -> None:
    b.server.objects.create(b.server.place("Event", "default", name), body)


def test_events_of_one_object_are_told_newest_last_bounded_and_redacted() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            for number in range(80):
                put_event(b, f"e{79 - number}", event("p", number))
            put_event(b, "of-another", event("q", 1))
            put_event(b, "of-an-older", event("p", 99, uid="uid-before"))
            ask = EventsAsk("Pod", "p")
            (found,) = (await b.evidence.collect(KEY, [ask])).events.values()
            assert len(found) == LARGEST_EVENTS
            assert found[-1] == {
                "type": "Warning",
                "reason": "Failed",
                "message": "079 Bearer [redacted]",
                "count": 79,
                "lastTimestamp": "2026-01-01T00:01:19Z",
            }
            assert [one["count"] for one in found] == list(range(30, 80))

    run_async(main)


def test_events_written_in_the_new_style_have_times_and_counts_too() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            new = event("p", 1) | {"count": None, "lastTimestamp": None}
            put_event(b, "a", new | {"eventTime": "2026-01-01T00:00:01.5Z"})
            series = {"count": 7, "lastObservedTime": "2026-01-01T00:00:09.5Z"}
            put_event(b, "b", new | {"series": series})
            (found,) = (await b.evidence.collect(KEY, [EventsAsk("Pod", "p")])).events.values()
            assert [(one["count"], one["lastTimestamp"]) for one in found] == [
                (1, "2026-01-01T00:00:01.5Z"),
                (7, "2026-01-01T00:00:09.5Z"),
            ]

    run_async(main)


def test_events_of_one_second_are_in_the_order_in_which_they_were_written() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            for name in "cab":
                put_event(b, name, event("p", 1) | {"reason": name})
            late = {"reason": "late", "lastTimestamp": None, "eventTime": "2026-01-01T00:00:01.9Z"}
            put_event(b, "0", event("p", 1) | late)
            (found,) = (await b.evidence.collect(KEY, [EventsAsk("Pod", "p")])).events.values()
            assert [one["reason"] for one in found] == ["c", "a", "b", "late"]

    run_async(main)


def put_node(b: Bench, name: str, gpus: int, *, ready: str = "True") -> None:
    status = {
        "allocatable": {GPU: str(gpus)},
        "conditions": [{"type": "Ready", "status": ready}],
    }
    body = {"apiVersion": "v1", "kind": "Node", "spec": {}, "status": status}
    b.server.objects.create(b.server.place("Node", "", name), body)


def test_free_gpus_are_counted_over_all_namespaces() -> None:
    async def main() -> None:
        async with bench() as b:
            put_node(b, "a", 8)
            container = {"resources": {"limits": {GPU: "3"}}}
            for namespace, phase in (("x", "Running"), ("y", "Pending"), ("z", "Succeeded")):
                body = {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "spec": {"nodeName": "a", "containers": [container]},
                    "status": {"phase": phase},
                }
                b.server.objects.create(b.server.place("Pod", namespace, "p"), body)
            ask = InventoryAsk(GPU)
            ((found,),) = (await b.evidence.collect(KEY, [ask])).inventory.values()
            assert (found.name, found.gpus, found.free) == ("a", 8, 2)

    run_async(main)


# How often.


def test_a_run_that_ended_is_read_once_whatever_it_is_called() -> None:
    async def main() -> None:
        async with bench() as b:
            b.server.logs["p", "server"] = lines("the cause")
            put_pod(b, state=ended(1), last={})
            before = log(previous=False)
            assert (await b.evidence.collect(KEY, [before])).logs == {before: "the cause\n"}
            put_pod(b, state=WAITS, last=ended(1))
            assert (await b.evidence.collect(KEY, [log()])).logs == {log(): "the cause\n"}
            put_pod(b, state=RUNS, last=ended(1))
            b.clock.now += 1e6
            assert (await b.evidence.collect(KEY, [log()])).logs == {log(): "the cause\n"}
            assert len(asked(b)) == 1

    run_async(main)


@pytest.mark.parametrize(
    ("ask", "seconds"),
    [
        (LIVE, limits.LIVE_SECONDS),
        (EventsAsk("Pod", "p"), limits.EVENTS_SECONDS),
    ],
)
def test_what_changes_is_read_again_but_rarely(ask: Ask, seconds: float) -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b, state=RUNS)
            b.server.logs["p", "server"] = lines("loading")
            assert await rounds(b, ask, times=20, every=seconds / 10) == 2

    run_async(main)


def test_free_gpus_are_counted_once_a_minute_for_all_together() -> None:
    async def main() -> None:
        async with bench() as b:
            put_node(b, "a", 8)
            keys = [Key("CosmosGenerator", "default", f"r{number}") for number in range(20)]
            for _ in range(2):
                found = await asyncio.gather(
                    *(b.evidence.collect(key, [InventoryAsk(GPU)]) for key in keys)
                )
                assert all(one.inventory for one in found)
                b.clock.now += limits.INVENTORY_SECONDS - 1
            assert asked(b).count("pods") == 1
            b.clock.now += 2
            await b.evidence.collect(KEY, [InventoryAsk(GPU)])
            assert asked(b).count("pods") == 1

    run_async(main)


def test_asking_on_and_off_does_not_read_more_often() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            for _ in range(10):
                await b.evidence.collect(KEY, [EventsAsk("Pod", "p")])
                b.evidence.rest(KEY)
                b.clock.now += 1
            assert len(asked(b)) == 1

    run_async(main)


def test_what_is_asked_for_no_more_is_not_kept() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = lines("the cause")
            await b.evidence.collect(KEY, [log(), EventsAsk("Pod", "p")])
            b.clock.now += 100
            b.evidence.rest(KEY)
            assert not b.evidence._states
            assert not b.evidence._subjects
            assert len(b.evidence._texts) == 0
            await b.evidence.collect(KEY, [log()])
            b.evidence.forget(KEY)
            assert not b.evidence._states
            assert len(b.evidence._texts) == 0

    run_async(main)


# What goes wrong.


@pytest.mark.parametrize("code", [400, 404, 500, 503, 504])
def test_a_read_that_fails_is_tried_again_with_growing_pauses(code: int) -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.fail(is_log, code)
            times = []
            for _ in range(3600):
                found = await b.evidence.collect(KEY, [log()])
                assert not found.logs
                assert not found.refused
                if asked(b):
                    times.append(b.clock.now)
                b.clock.now += 1
            pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
            assert pauses[0] <= 2
            assert pauses == sorted(pauses)
            assert 250 < pauses[-1] < 400
            results = {400: "missing", 404: "missing", 504: "timeout"}
            assert set(b.read) == {("log", results.get(code, "error"))}

    run_async(main)


def test_what_failed_is_read_once_it_works_and_the_pass_comes_back_for_it() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            assert not (await b.evidence.collect(KEY, [log()])).logs
            assert await woken(b) == KEY
            b.clock.now += 2
            b.server.logs["p", "server-p"] = lines("the cause")
            assert (await b.evidence.collect(KEY, [log()])).logs
            assert b.queue.depth == 0

    run_async(main)


def test_a_permission_that_is_missing_is_told_and_looked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asks = [log(), EventsAsk("Pod", "p"), InventoryAsk(GPU)]

    async def main() -> None:
        async with bench() as b:
            put_node(b, "a", 8)
            put_pod(b)
            rules = [b.server.fail(one, 403) for one in (is_log, is_events, is_pods)]
            for _ in range(limits.REFUSED_SECONDS.__trunc__()):
                found = await b.evidence.collect(KEY, asks)
                assert found.refused == ("events", "pods", "pods/log")
                b.clock.now += 1
            assert sorted(asked(b)) == ["events", "log", "nodes", "pods"]
            found = await b.evidence.collect(KEY, asks)
            assert found.refused == ("events", "pods", "pods/log")
            assert asked(b).count("log") == 1
            for rule in rules:
                rule.times = 0
            b.server.logs["p", "server-p"] = lines("the cause")
            b.clock.now += limits.REFUSED_SECONDS
            found = await b.evidence.collect(KEY, asks)
            assert found.refused == ()
            assert found.logs
            assert found.inventory

    run_async(main)
    told = [one.message for one in caplog.records if "may not read" in one.message]
    assert len(told) == 3


def test_a_permission_is_missing_in_one_namespace_only() -> None:
    other = Key("CosmosGenerator", "elsewhere", "super")

    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            put_pod(b, key=other)
            b.server.logs["p", "server-p"] = lines("the cause")
            b.server.fail(lambda one: is_log(one) and "default" in one.path, 403)
            assert (await b.evidence.collect(KEY, [log()])).refused == ("pods/log",)
            found = await b.evidence.collect(other, [log()])
            assert found.logs
            assert found.refused == ()

    run_async(main)


def test_where_nodes_are_not_known_free_gpus_are_neither() -> None:
    async def main() -> None:
        async with bench() as b:
            b.server.fail(lambda one: one.path == "/api/v1/nodes", 403)
            found = await b.evidence.collect(KEY, [InventoryAsk(GPU)])
            assert found.inventory == {}
            assert found.refused == (), "the missing permission is another one, and told already"
            assert asked(b) == ["nodes"]

    run_async(main)


def test_a_kubelet_that_does_not_answer_is_left_alone_for_all_its_pods() -> None:
    async def main() -> None:
        async with bench() as b:
            names = [f"p{number}" for number in range(5)]
            for name in names:
                put_pod(b, name, node="away")
            put_pod(b, "q", node="here")
            b.server.logs["q", "server-p"] = lines("the cause")
            b.server.fail(lambda one: is_log(one) and "/p/" not in one.path, 500, times=1)
            await b.evidence.collect(KEY, [log(names[0])])
            assert len(asked(b)) == 1
            found = await b.evidence.collect(KEY, [log(name) for name in (*names, "q")])
            assert asked(b) == ["log"]
            assert found.logs == {log("q"): "the cause\n"}

    run_async(main)


def test_a_kubelet_that_answered_again_is_forgiven() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = lines("the cause")
            rule = b.server.fail(is_log, 500)
            await rounds(b, log(), times=100, every=1)
            rule.times = 0
            b.clock.now += 1000
            assert (await b.evidence.collect(KEY, [log()])).logs
            put_pod(b, "q")
            b.server.logs["q", "server-p"] = lines("another")
            b.server.fail(is_log, 500, times=1)
            await b.evidence.collect(KEY, [log("q")])
            b.clock.now += 2
            assert (await b.evidence.collect(KEY, [log("q")])).logs

    run_async(main)


def test_what_changes_is_not_read_more_often_for_failing() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.fail(is_events, 500, times=1)
            ask = EventsAsk("Pod", "p")
            assert await rounds(b, ask, times=20, every=limits.EVENTS_SECONDS / 10) == 2

    run_async(main)


def test_a_lost_node_is_not_asked_and_does_not_bring_passes_back() -> None:
    async def main() -> None:
        async with bench() as b:
            put_node(b, "n", 8, ready="Unknown")
            put_pod(b)
            await b.facts.get()
            asked(b)
            assert not (await b.evidence.collect(KEY, [log()])).logs
            assert asked(b) == []
            assert not b.queue._timers
            assert b.queue.depth == 0

    run_async(main)


def test_a_bug_in_a_read_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(text: str) -> str:
        raise ValueError("a bug")

    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = lines("the cause")
            fetcher = Fetcher(client=b.client, store=b.store, facts=b.facts, redact=broken)
            reader = EvidenceReader(fetcher=fetcher, wake=b.queue.add_after, clock=b.clock)
            assert not (await reader.collect(KEY, [log()])).logs
            assert len(reader._texts) == 0

    run_async(main)
    assert "evidence could not be read: log" in caplog.text


# Whose log it is.


async def collect_while(b: Bench, ask: LogAsk, **change: Any) -> Any:
    """Collect, and let the pod change while the log is being read."""
    gate = b.server.hold(is_log)
    running = asyncio.create_task(b.evidence.collect(KEY, [ask]))
    while not any(map(is_log, b.server.asked)):  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0)
    put_pod(b, **change)
    gate.set()
    return await running


@pytest.mark.parametrize(
    ("ask", "before", "after", "is_kept"),
    [
        # Previous means the next one from the moment on when that ends.
        (log(), {"state": WAITS}, {"state": RUNS}, True),
        (log(), {"state": RUNS}, {"state": WAITS, "last": ended(2)}, False),
        (log(), {"state": RUNS}, {"state": ended(2), "last": ended(1)}, True),
        # Not previous means the next one as soon as it runs.
        (log(previous=False), {"state": ended(1)}, {"state": WAITS}, True),
        (log(previous=False), {"state": ended(1)}, {"state": RUNS}, False),
        (LIVE, {"state": RUNS}, {"state": ended(9)}, True),
        (LIVE, {"state": RUNS}, {"state": WAITS, "last": ended(9)}, True),
        (LIVE, {"state": RUNS}, {"state": ended(2)}, False),
    ],
)
def test_a_log_that_may_be_of_another_run_is_not_used(
    ask: LogAsk, before: Any, after: Any, is_kept: bool
) -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b, **before)
            b.server.logs |= {("p", "server-p"): lines("a"), ("p", "server"): lines("a")}
            found = await collect_while(b, ask, **after)
            assert bool(found.logs) == is_kept

    run_async(main)


def test_a_log_that_is_younger_than_its_run_is_not_used() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = "2026-01-01T00:05:00.000000001Z of the next run\n"
            assert not (await b.evidence.collect(KEY, [log()])).logs
            assert b.read == [("log", "missing")]

    run_async(main)


def test_a_pod_that_is_not_known_is_not_asked_about() -> None:
    async def main() -> None:
        async with bench() as b:
            assert not (await b.evidence.collect(KEY, [log("gone")])).logs
            assert asked(b) == []

    run_async(main)


# What a pass waits for.


def test_a_pass_does_not_wait_for_long_and_comes_back_once_it_is_there() -> None:
    async def main() -> None:
        async with bench(patience=0.01) as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = lines("the cause")
            gate = b.server.hold(is_log)
            for _ in range(3):
                assert not (await b.evidence.collect(KEY, [log()])).logs
            assert b.queue.depth == 0
            gate.set()
            assert await woken(b) == KEY
            assert b.queue.depth == 0
            assert (await b.evidence.collect(KEY, [log()])).logs == {log(): "the cause\n"}
            assert len(asked(b)) == 1

    run_async(main)


def test_no_two_passes_wait_for_the_same_read() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            gate = b.server.hold(is_log)
            first = asyncio.create_task(b.evidence.collect(KEY, [log()]))
            while not b.server.asked:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0)
            # It would wait for half a minute, in this test.
            assert not (await b.evidence.collect(KEY, [log()])).logs
            assert not first.done()
            gate.set()
            await first

    run_async(main)


def test_what_comes_while_the_pass_waits_brings_no_other_pass() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = lines("the cause")
            assert (await b.evidence.collect(KEY, [log()])).logs
            assert b.queue.depth == 0
            assert not b.queue._timers

    run_async(main)


def test_one_that_must_not_wait_does_not() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            b.server.logs["p", "server-p"] = lines("the cause")
            assert not (await b.evidence.collect(KEY, [log()], may_wait=False)).logs
            assert await woken(b) == KEY
            assert (await b.evidence.collect(KEY, [log()], may_wait=False)).logs

    run_async(main)


def test_reads_are_bounded_and_a_pass_behind_a_queue_of_them_does_not_wait() -> None:
    async def main() -> None:
        async with bench() as b:
            names = [f"p{number}" for number in range(30)]
            keys = [Key("CosmosGenerator", "default", name) for name in names]
            for key, name in zip(keys, names, strict=True):
                put_pod(b, name, node=name, key=key)
                b.server.logs[name, "server-p"] = lines(name)
            gate = b.server.hold(is_log)
            waiting = [
                asyncio.create_task(b.evidence.collect(key, [log(key.name)])) for key in keys[:10]
            ]
            while len(b.server.asked) < limits.READS_AT_ONCE:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
            for key in keys[10:]:
                assert not (await b.evidence.collect(key, [log(key.name)])).logs
            assert len(b.server.asked) == limits.READS_AT_ONCE
            gate.set()
            await asyncio.gather(*waiting)
            came = {await woken(b) for _ in keys[10:]}
            assert came == set(keys[10:])

    run_async(main)


def test_stopping_ends_what_is_still_read() -> None:
    async def main() -> None:
        async with bench(patience=0.01) as b:
            put_pod(b)
            b.server.hold(is_log)
            await b.evidence.collect(KEY, [log()])
            (task,) = [state.task for state in b.evidence._states.values()]
            assert task is not None
            await b.evidence.stop()
            assert task.cancelled()

    run_async(main)


def test_a_resource_that_is_gone_has_its_reads_ended() -> None:
    async def main() -> None:
        async with bench(patience=0.01) as b:
            put_pod(b)
            gate = b.server.hold(is_log)
            await b.evidence.collect(KEY, [log()])
            (state,) = b.evidence._states.values()
            task = state.task
            assert task is not None
            b.evidence.forget(KEY)
            await asyncio.wait([task])
            gate.set()
            assert b.queue.depth == 0
            assert not b.evidence._states

    run_async(main)


def test_logs_are_not_read_where_that_is_switched_off() -> None:
    async def main() -> None:
        async with bench() as b:
            put_pod(b)
            fetcher = Fetcher(client=b.client, store=b.store, facts=b.facts, redact=str)
            reader = EvidenceReader(
                fetcher=fetcher, wake=b.queue.add_after, clock=b.clock, reads_logs=False
            )
            found = await reader.collect(KEY, [log(), EventsAsk("Pod", "p")])
            assert asked(b) == ["events"]
            assert found.refused == ("pods/log",)
            assert (await reader.collect(KEY, [EventsAsk("Pod", "p")])).refused == ()

    run_async(main)


def test_two_hundred_logs_take_little_memory() -> None:
    async def main() -> None:
        async with bench() as b:
            asks = [log(f"p{number}") for number in range(200)]
            frame = '  File "/usr/lib/python3/vllm/engine/core.py", line {}, in run_engine_core\n'
            text = lines(*(frame.format(number) for number in range(LINES)))
            for ask in asks:
                put_pod(b, ask.pod)
                b.server.logs[ask.pod, "server-p"] = text
            found = await b.evidence.collect(KEY, asks)
            assert len(found.logs) == 200
            assert sum(map(len, found.logs.values())) > 10_000_000
            assert b.evidence._texts.packed_size < 4_000_000

    run_async(main)
