"""What counts as a change of a child, and when everything is applied again."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.reconcile.memo import Memo, digest, fingerprint
from cosmos3_operator.status.observe import ChildRef
from fakes.loop import KEY, Clock

REF = ChildRef("Deployment", "super")
DESIRED = {"metadata": {"labels": {"ours": "1"}, "annotations": {"mine": "2"}}}


def live(kind: str = "Deployment", **metadata: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {
            "uid": "u",
            "resourceVersion": "5",
            "generation": 1,
            "labels": {"ours": "1", "theirs": "x"},
            "annotations": {"mine": "2", "deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [{"uid": "o", "controller": True}],
            **metadata,
        },
    }


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"resourceVersion": "6"}, False),
        ({"labels": {"ours": "1", "theirs": "y"}}, False),
        ({"annotations": {"mine": "2", "deployment.kubernetes.io/revision": "2"}}, False),
        ({"generation": 2}, True),
        ({"labels": {}}, True),
        ({"annotations": None}, True),
        ({"ownerReferences": []}, True),
        ({"uid": "another"}, True),
    ],
)
def test_with_a_generation_only_what_we_own_matters(change: dict[str, Any], matters: bool) -> None:
    for kind in ("Deployment", "Job", "NetworkPolicy"):
        before = fingerprint(live(kind), desired=DESIRED)
        assert (fingerprint(live(kind, **change), desired=DESIRED) != before) is matters


def test_without_a_generation_every_version_matters() -> None:
    before = fingerprint(live("Service"), desired=DESIRED)
    assert fingerprint(live("Service", resourceVersion="6"), desired=DESIRED) != before


def test_settled_while_both_sides_are_unchanged() -> None:
    clock = Clock()
    memo = Memo(resync_seconds=100, clock=clock, uniform=lambda low, high: 1.0)
    assert memo.open(KEY) == 100
    here, there = digest(b"desired"), fingerprint(live(), desired=DESIRED)
    assert not memo.is_settled(KEY, REF, desired=here, live=there)
    memo.remember(KEY, REF, desired=here, live=there)
    assert memo.is_settled(KEY, REF, desired=here, live=there)
    assert not memo.is_settled(KEY, REF, desired=digest(b"other"), live=there)
    assert not memo.is_settled(KEY, REF, desired=here, live=())
    clock.now += 40
    assert memo.open(KEY) == 60
    assert memo.is_settled(KEY, REF, desired=here, live=there)
    clock.now += 60
    assert memo.open(KEY) == 100
    assert not memo.is_settled(KEY, REF, desired=here, live=there)


def test_resyncs_are_spread() -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    memo = Memo(resync_seconds=100, clock=Clock(), uniform=uniform)
    assert memo.open(KEY) == pytest.approx(120)
    assert bounds == [(0.8, 1.2)]


def test_a_forgotten_resource_is_new() -> None:
    memo = Memo(resync_seconds=100, clock=Clock())
    memo.open(KEY)
    memo.remember(KEY, REF, desired=b"", live=())
    memo.forget(KEY)
    memo.open(KEY)
    assert not memo.is_settled(KEY, REF, desired=b"", live=())
