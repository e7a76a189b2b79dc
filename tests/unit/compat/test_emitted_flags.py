"""Every flag that the planner writes is one that the runtime has, by the committed snapshots."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from compat import snapshots
from compat.commands import Command, golden
from compat.drawn import WANTED, drawn
from compat.emitted import faults
from compat.snapshots import Snapshot
from compat.subjects import Row, rows

GOLDEN = list(golden())

MUTATIONS = {
    ("--no-such-flag",): "--no-such-flag is no flag of",
    ("--tensor-paralel-size", "1"): "--tensor-paralel-size is no flag of",
    ("--tensor-parallel", "1"): "--tensor-parallel is no flag of",
    ("--mm-encoder-tp-mode", "sideways"): "--mm-encoder-tp-mode cannot be sideways",
    ("--port", "eighty"): "--port cannot be eighty, which is no int",
    ("--port", "1", "2"): "--port takes one, not 2 values",
    ("--revision",): "--revision takes one, not 0 values",
    ("--enforce-eager", "true"): "--enforce-eager takes none, not 1 values",
}


def label(row: Row) -> str:
    return f"{row.runtime.engine}-{row.runtime.name}-{row.surface}"


@pytest.fixture(params=rows(), ids=label, scope="module")
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture(scope="module")
def commands(row: Row) -> tuple[Command, ...]:
    return drawn(row.runtime, row.surface)


def snapshots_of(row: Row) -> list[Snapshot]:
    found = [snapshots.read(subject.engine, subject.version) for subject in row.subjects]
    return [snapshot for snapshot in found if snapshot]


def row_of(command: Command) -> Row:
    return next(r for r in rows() if (r.runtime, r.surface) == (command.runtime, command.surface))


def wrong(words: Sequence[str], row: Row) -> list[str]:
    return [fault for snapshot in snapshots_of(row) for fault in faults(words, snapshot)]


def test_every_runtime_has_its_snapshots(row: Row):
    assert row.subjects
    assert len(snapshots_of(row)) == len(row.subjects)


@pytest.mark.parametrize("command", GOLDEN, ids=lambda command: command.origin)
def test_golden_cases_use_flags_that_exist(command: Command):
    assert wrong(command.emitted, row_of(command)) == []


def test_drawn_plans_use_flags_that_exist(row: Row, commands: tuple[Command, ...]):
    assert len({command.emitted for command in commands}) == WANTED
    assert [(c.emitted, found) for c in commands if (found := wrong(c.emitted, row))] == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=" ".join)
def test_a_wrong_flag_is_named(row: Row, commands: tuple[Command, ...], mutation: tuple[str, ...]):
    words = (*commands[0].emitted, *mutation)
    for snapshot in snapshots_of(row):
        # On some, the flag stops the server as well.
        found = [fault for fault in faults(words, snapshot) if "at start" not in fault]
        assert len(found) == 1
        assert found[0].startswith(MUTATIONS[mutation])


def test_a_flag_that_stops_the_server_is_named():
    (command, *_) = (c for c in GOLDEN if c.runtime.name == "0.30.0" and c.engine == "vllm-omni")
    words = (*command.emitted, "--shutdown-timeout", "30")
    assert wrong(words, row_of(command)) == [
        "--shutdown-timeout stops vllm-omni 0.30.0 at start: "
        "Unknown diffusion config field(s) for stage 0: 'shutdown_timeout'"
    ]


def test_the_users_own_words_are_not_the_planners():
    assert [command for command in GOLDEN if command.user]
    for command in GOLDEN:
        assert command.words.args == (*command.emitted, *command.user)
