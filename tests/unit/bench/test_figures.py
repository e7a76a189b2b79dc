"""Medians, ratios within a round, and verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from bench.figures import FLOOR, OPERATOR, Goals, Rest, Run, Spread, order, summarize

GOALS = Goals(ratio=1.5, peak_mib=120)


def run(subject: str, number: int, seconds: float, **more: Any) -> Run:
    figures = {
        "subject": subject,
        "round": number,
        "resources": 300,
        "work_seconds": seconds,
        "ready_seconds": seconds,
        "total_seconds": seconds + 1,
        "writes": {},
        "refused": 0,
        "cpu_seconds": 1.0,
        "peak_mib": 90.0 if subject == OPERATOR else None,
    }
    return Run(**(figures | more))


def test_ratios_are_taken_within_a_round() -> None:
    # The machine was three times slower in the second round, for both alike.
    runs = [
        *(run(FLOOR, 1, 4.0), run(OPERATOR, 1, 5.0)),
        *(run(OPERATOR, 2, 15.0), run(FLOOR, 2, 12.0)),
    ]
    summary = summarize(runs, goals=GOALS)
    assert summary.work_ratio == Spread(median=1.25, lowest=1.25, highest=1.25)
    assert summary.floor_rate == Spread(median=50.0, lowest=25.0, highest=75.0)


def test_a_start_of_the_process_is_held_against_work_only() -> None:
    summary = summarize([run(FLOOR, 1, 4.0), run(OPERATOR, 1, 5.0)], goals=GOALS)
    assert summary.total_ratio.median == pytest.approx(1.5)


def test_memory_is_judged_by_the_worst_round() -> None:
    runs = [
        *(run(FLOOR, 1, 4.0), run(OPERATOR, 1, 5.0)),
        *(run(FLOOR, 2, 4.0), run(OPERATOR, 2, 7.0, peak_mib=121.0)),
    ]
    verdicts = {one.what: one.within for one in summarize(runs, goals=GOALS).verdicts}
    assert verdicts == {"time against the floor": True, "peak memory in MiB": False}


def test_one_write_at_rest_is_above_goal() -> None:
    rest = Rest(
        seconds=10, writes=1, cpu_seconds=0.0, restart_requests=0, restart_changes={"Service": 1}
    )
    runs = [run(FLOOR, 1, 4.0), run(OPERATOR, 1, 5.0, rest=rest)]
    last = summarize(runs, goals=GOALS).verdicts[-1]
    assert (last.what, last.within) == ("writes at rest", False)


def test_on_a_busy_machine_a_time_is_in_doubt() -> None:
    runs = [run(FLOOR, 1, 4.0, busy_elsewhere=1.2), run(OPERATOR, 1, 3.0)]
    time, memory = summarize(runs, goals=GOALS).verdicts
    assert "up to 1.2 cores" in time.doubt
    assert not memory.doubt


def test_processor_time_counts_the_control_plane_but_not_the_start() -> None:
    runs = [
        run(FLOOR, 1, 4.0, cpu_seconds=1.0, server_cpu_seconds={"kube-apiserver": 9.0}),
        run(
            OPERATOR,
            1,
            5.0,
            cpu_seconds=3.0,
            start_cpu_seconds=1.0,
            server_cpu_seconds={"kube-apiserver": 10.0},
        ),
    ]
    assert summarize(runs, goals=GOALS).cpu_ratio.median == pytest.approx(1.3)


def test_a_round_that_lacks_a_subject_says_nothing() -> None:
    with pytest.raises(ValueError, match="no round is complete"):
        summarize([run(FLOOR, 1, 4.0), run(OPERATOR, 2, 5.0)], goals=GOALS)


def test_who_goes_first_alternates() -> None:
    assert [order(number)[0] for number in (1, 2, 3)] == [FLOOR, OPERATOR, FLOOR]


def test_a_spread_of_equal_values_is_written_as_one() -> None:
    assert Spread.of([2.0, 2.0]).text(1, " s") == "2.0 s"
    assert Spread.of([3.0, 1.0, 2.0]).text(1, "/s") == "2.0 (1.0…3.0)/s"
