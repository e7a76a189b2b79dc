"""Which watches run, and since when others do not."""

from __future__ import annotations

from cosmos3_operator.watch.scope import Scope
from cosmos3_operator.watch.traffic import Watches
from fakes.loop import Clock


def test_a_kind_is_up_once_it_is_watched_everywhere() -> None:
    clock = Clock()
    watches = Watches(("a", "b"), clock=clock)
    clock.now += 5
    watches.started(Scope("Pod", "a"))
    assert watches.up()["pods"] is False
    assert watches.down_seconds()["pods"] == 5
    watches.started(Scope("Pod", "b"))
    assert watches.up()["pods"] is True
    assert watches.down_seconds()["pods"] == 0
    assert watches.up()["services"] is False


def test_the_time_counts_from_the_first_trouble() -> None:
    clock = Clock()
    watches = Watches((), clock=clock)
    scope = Scope("Job", None)
    watches.started(scope)
    watches.failed(scope, "403")
    clock.now += 7
    watches.failed(scope, "404")
    watches.all_down("the watch layer failed")
    assert watches.down_seconds()["jobs"] == 7
    watches.started(scope)
    assert watches.down_seconds()["jobs"] == 0
    clock.now += 1
    watches.all_down("again")
    assert watches.down_seconds() == {
        plural: 0.0 if plural == "jobs" else 8.0 for plural in watches.up()
    }


def test_what_is_wrong_with_one_watch_is_still_said_when_all_stop() -> None:
    watches = Watches(())
    watches.failed(Scope("Job", None), "403")
    watches.all_down("the watch layer failed")
    assert "jobs: 403" in watches.troubles()
    assert "pods: the watch layer failed" in watches.troubles()


def test_a_standby_that_begins_to_watch_has_not_been_down_before() -> None:
    clock = Clock()
    watches = Watches((), clock=clock)
    clock.now += 1000
    watches.begin()
    assert set(watches.down_seconds().values()) == {0}
    clock.now += 3
    assert set(watches.down_seconds().values()) == {3}
