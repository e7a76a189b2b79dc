"""Delays double up to a bound, and start anew for a new version."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cosmos3_operator.reconcile.backoff import Backoff


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def test_delays_double_up_to_five_minutes() -> None:
    backoff = Backoff(uniform=middle)
    delays = [backoff.next("a") for _ in range(12)]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


@given(count=st.integers(1, 3000))
def test_no_number_of_failures_breaks_it(count: int) -> None:
    backoff = Backoff()
    backoff._failures["a"] = (None, count)
    assert 0.8 <= backoff.next("a") <= 360


def test_jitter_is_a_fifth() -> None:
    assert Backoff(uniform=lambda low, _: low).next("a") == 0.8
    assert Backoff(uniform=lambda _, high: high).next("a") == 1.2


def test_a_new_version_and_success_start_anew() -> None:
    backoff = Backoff(uniform=middle)
    assert [backoff.next("a", version=1) for _ in range(3)] == [1, 2, 4]
    assert backoff.next("a", version=2) == 1
    assert backoff.failures("a") == 1
    backoff.forget("a")
    assert backoff.failures("a") == 0
    assert backoff.next("a", version=2) == 1


def test_keys_do_not_share_failures() -> None:
    backoff = Backoff(uniform=middle)
    backoff.next("a")
    assert backoff.next("b") == 1
