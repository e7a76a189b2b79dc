"""Two simulated hours: whatever happens to a fleet, no status says what its pods do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from life.play import NODE_LOSS_SECONDS, node_names, play
from life.script import Plan, summary, write

FACTOR = 120.0
PLAN = Plan(
    seed=20261124,
    hours=2.0,
    fleet=12,
    acts_per_hour=30.0,
    operator_kills=2,
    server_restarts=1,
    node_losses=1,
    nodes=node_names(),
    silence=NODE_LOSS_SECONDS * FACTOR,
)
KINDS = {"CosmosGenerator", "CosmosReasoner", "Deployment", "ReplicaSet", "Pod", "Node"}
ACTS = {"create", "scale", "roll", "delete", "annotate-pods", "mend-pods", "hold-pods"}


@pytest.mark.cluster
def test_no_status_lies_for_two_hours(tmp_path: Path) -> None:
    life = play(PLAN, factor=FACTOR, folder=tmp_path)
    print(life.text())
    if life.complaints():
        pytest.fail(f"{life.text()}\n\n{life.histories()}")
    referee = life.referee
    assert referee.seen.keys() == KINDS
    assert {"Serving", "Starting", "RollingOut", "ScaledToZero"} <= referee.reasons.keys()
    assert referee.intervals, "who saw no disagreement at all has not looked closely"


def test_a_seed_tells_the_whole_life() -> None:
    acts = write(PLAN)
    assert acts == write(PLAN)
    assert [act.at for act in acts] == sorted(act.at for act in acts)
    assert {act.what for act in acts} >= ACTS | {"kill-operator", "restart-server", "silence-node"}
    assert sum(1 for _ in summary(acts)) == len({act.what for act in acts})


def test_another_seed_is_another_life() -> None:
    assert list(map(str, write(PLAN))) != list(map(str, write(replace(PLAN, seed=1))))
