"""What is said about memory that stays, or does not."""

from __future__ import annotations

from bench.churn import Churn


def churn(*mib: float) -> Churn:
    return Churn(
        resources=200, rounds_mib=mib, rested_mib=mib[-1], peak_mib=max(mib), round_seconds=()
    )


def test_growth_counts_from_the_third_round() -> None:
    assert churn(50.0, 60.0, 61.0, 61.5, 61.25).growth_mib == 0.25


def test_memory_that_grows_with_each_round_misses_the_goal() -> None:
    leaking = churn(50.0, 60.0, 70.0, 80.0, 90.0)
    assert "above goal" in leaking.text(goal=8)
    assert "within goal" in churn(50.0, 60.0, 60.0, 61.0).text(goal=8)
