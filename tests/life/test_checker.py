"""The judge catches a liar, and leaves the honest and the slow alone."""

from __future__ import annotations

from typing import Any

import pytest

from life.histories import History
from life.manners import documented_reasons
from life.referee import FALSE_READY, FALSE_UNREADY, UNOBSERVED, Referee
from life.world import Name
from support.repository import ROOT

SETTLE = 2.0
NANO = Name("CosmosGenerator", "nano")


def found(referee: Referee) -> list[str]:
    return [interval.what for interval in referee.beyond(SETTLE)]


def broken(referee: Referee) -> list[str]:
    return [breach.rule for _, breach, _ in referee.broken(SETTLE)]


def test_an_honest_life_has_nothing_to_report() -> None:
    history = History(replicas=2).serving()
    history.passes(60).pod("pod1", ready=False).passes(0.5).says("False", "Starting")
    history.passes(60).pod("pod1", ready=True).passes(0.5).says("True", "Serving")
    history.passes(60).resource(deleting=True).passes(60).resource("DELETED").passes(60)
    referee = history.end()
    assert found(referee) == broken(referee) == []
    assert len(referee.intervals) >= 3, "short disagreements are counted"
    assert referee.transitions == 4
    assert referee.checks > 10


def test_ready_that_outlives_its_pod_is_a_lie() -> None:
    referee = History().serving().passes(60).pod("pod0", ready=False).passes(3).end()
    (lie,) = referee.beyond(SETTLE)
    assert (lie.name, lie.what, lie.why) == (NANO, FALSE_READY, "0 of 1 pods serve")
    assert lie.end - lie.start == pytest.approx(3)
    assert any("0 of 1 pods serve" in line for line in referee.history(NANO))


def test_a_lie_is_measured_to_the_moment_at_which_it_ends() -> None:
    history = History().serving().passes(60).pod("pod0", ready=False).passes(3)
    history.says("False", "Starting").passes(3600)
    (lie,) = history.end().beyond(SETTLE)
    assert lie.end - lie.start == pytest.approx(3)


@pytest.mark.parametrize("loss", ["deleted", "terminating", "node"])
def test_a_pod_can_be_lost_in_more_than_one_way(loss: str) -> None:
    history = History().serving().passes(60)
    if loss == "deleted":
        history.pod("pod0", ready=True, type_="DELETED")
    elif loss == "terminating":
        history.pod("pod0", ready=True, terminating=True)
    else:
        history.node(alive=False)
    assert found(history.passes(3).end()) == [FALSE_READY]


def test_pods_of_an_older_revision_do_not_count() -> None:
    history = History().serving().passes(60)
    history.generation, history.edition = 2, "2"
    history.resource().passes(0.1).deployment(revision=2).says("True", "Serving").passes(3)
    (lie,) = history.end().beyond(SETTLE)
    assert (lie.what, lie.why) == (FALSE_READY, "0 of 1 pods serve")


def test_ready_about_an_older_generation_claims_nothing_but_must_not_last() -> None:
    history = History().serving().passes(60)
    history.generation, history.edition = 2, "2"
    assert found(history.resource().passes(60).end()) == [UNOBSERVED]


def test_old_pods_beside_the_new_ones_are_not_ready_yet_unless_they_drain() -> None:
    history = History().serving().passes(60).pod("old", ready=True, revision=0).passes(3)
    history.pod("old", ready=True, revision=0, terminating=True).passes(3600)
    (lie,) = history.end().beyond(SETTLE)
    assert (lie.why, round(lie.end - lie.start)) == ("1 other pods are left", 3)


def test_scaled_to_zero_means_that_no_pod_is_left_not_even_one_that_drains() -> None:
    history = History().serving().passes(60)
    history.generation, history.replicas = 2, 0
    history.resource().deployment().pod("pod0", ready=True, terminating=True)
    history.passes(0.1).says("True", "ScaledToZero").passes(30)
    history.pod("pod0", ready=True, type_="DELETED").passes(3600)
    (lie,) = history.end().beyond(SETTLE)
    assert (lie.why, round(lie.end - lie.start)) == ("1 pods are left", 30)


def test_a_status_that_does_not_notice_that_all_is_well_is_wrong_too() -> None:
    history = History().resource("ADDED").deployment().says("False", "Starting")
    assert found(history.pod(ready=True).passes(3).end()) == [FALSE_UNREADY]


def test_nobody_is_blamed_while_away() -> None:
    history = History().serving().passes(60)
    history.referee.away("operator", history.now)
    history.passes(0.1).pod("pod0", ready=False).passes(30)
    history.referee.back("operator", history.now)
    history.passes(1.5).says("False", "Starting")
    assert found(history.end()) == []
    (interval,) = [i for i in history.referee.intervals if i.end - i.start > 5]
    assert interval.longest_outside(history.referee.outages) == pytest.approx(1.5)


def test_being_away_once_is_no_excuse_for_ever() -> None:
    history = History().serving().passes(60)
    history.referee.away("operator", history.now)
    history.passes(0.1).pod("pod0", ready=False).passes(30)
    history.referee.back("operator", history.now)
    assert found(history.passes(3).end()) == [FALSE_READY]


def test_a_new_resource_of_the_same_name_is_judged_by_its_own_pods() -> None:
    history = History().serving().passes(60).resource("DELETED").passes(1)
    history.uid, history.status = "r2", {}
    history.resource("ADDED").says("True", "Serving").passes(3)
    (lie,) = history.end().beyond(SETTLE)
    assert (lie.what, lie.why) == (FALSE_READY, "it has no Deployment")


MANNERS: list[tuple[str, dict[str, Any]]] = [
    ("reasons_are_documented", {"reason": "Whatever"}),
    ("not_ready_says_why", {"message": " "}),
    ("generation_is_not_ahead", {"observedGeneration": 2}),
    ("transition_times_are_true", {"lastTransitionTime": "2026-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize(("rule", "more"), MANNERS)
def test_bad_manners_are_noticed(rule: str, more: dict[str, Any]) -> None:
    history = History().serving().passes(60).pod("pod0", ready=False)
    assert broken(history.says("False", **({"reason": "Starting"} | more)).end()) == [rule] * (
        1 if rule == "not_ready_says_why" else 2
    )


def test_a_transition_time_that_moves_without_a_transition_is_noticed() -> None:
    history = History().serving().passes(60)
    history.says("True", "Serving", lastTransitionTime="2027-01-15T08:01:00Z")
    assert broken(history.end()) == ["transition_times_move_with_the_status"]


def test_a_transition_without_a_new_time_is_noticed() -> None:
    history = History().serving().passes(60).pod("pod0", ready=False)
    since = history.status["conditions"][0]["lastTransitionTime"]
    history.says("False", "Starting", lastTransitionTime=since)
    assert "transition_times_move_with_the_status" in broken(history.end())


def test_kstatus_must_be_consistent() -> None:
    history = History().serving().passes(60).pod("pod0", ready=False).says("False", "Starting")
    del history.status["conditions"][1]
    assert broken(history.resource().end()) == ["follows_kstatus"]


def test_observed_generation_never_goes_back() -> None:
    history = History().serving()
    history.generation = 2
    history.says("True", "Serving")
    history.generation = 1
    history.says("True", "Serving")
    assert broken(history.end()) == ["generation_does_not_go_back"]


def test_a_finalizer_of_ours_is_noticed() -> None:
    history = History().serving()
    history.finalizers = ["serving.cosmos3.io/cleanup"]
    assert broken(history.resource().end()) == ["no_finalizer_of_ours"]


def test_flapping_messages_and_busy_statuses_are_counted() -> None:
    history = History().resource("ADDED").deployment()
    for seconds in range(7):
        history.passes(1).says("False", "Starting", f"{seconds} s left")
    referee = history.end()
    assert (referee.most_messages.count, referee.most_writes.count) == (7, 7)
    assert referee.most_messages.reason == "False/Starting"
    assert "0 s left" in referee.most_messages.examples


def test_a_write_outside_the_status_is_noticed() -> None:
    history = History().serving()
    history.managers = [{"manager": "cosmos3-operator", "fieldsV1": {"f:spec": {}}}]
    assert broken(history.resource().end()) == ["only_the_status_is_written"]


def test_the_documented_reasons_are_those_with_a_page() -> None:
    assert {"Serving", "InsufficientGPUs"} <= documented_reasons(ROOT)
