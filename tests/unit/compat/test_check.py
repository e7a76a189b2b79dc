"""What is claimed about a server, compared with what its code says."""

from __future__ import annotations

from typing import Any

import pytest

from compat.ask import STEPS, Verdict, Words
from compat.check import problems
from compat.commands import Claims, golden
from compat.controls import Control, controls, unseen
from compat.subjects import subjects

RESOLVED = {"world_size": 8, "guardrails": True, "offload_guardrail_models": False}


CLAIMS = Claims(values={"world_size": 4})


def resolved(**changes: Any) -> Verdict:
    return Verdict(passed=STEPS, error=None, resolved=RESOLVED | changes)


def refused(after: int) -> Verdict:
    return Verdict(passed=STEPS[:after], error="ValueError: no", resolved={})


def test_what_agrees_is_no_problem():
    assert problems(Claims(values=RESOLVED), resolved()) == []
    assert problems(Claims(), resolved()) == []


@pytest.mark.parametrize("name", RESOLVED)
def test_what_disagrees_is_said(name: str):
    (problem,) = problems(Claims(values=RESOLVED), resolved(**{name: "other"}))
    assert problem == f"{name} is {RESOLVED[name]} for the pod and other for the server"


@pytest.mark.parametrize(("after", "step"), [*enumerate(STEPS)])
def test_a_refusal_is_said_with_its_step(after: int, step: str):
    assert problems(Claims(), refused(after)) == [f"not {step}: ValueError: no"]


def test_a_command_that_must_stop_the_server_is_wrong_if_it_does_not():
    assert problems(Claims(starts=False), refused(2)) == []
    assert problems(Claims(starts=False), resolved()) != []


def test_a_warning_of_the_plan_is_a_claim():
    stops = [command.origin for command in golden() if not command.claims.starts]
    assert stops == ["golden extra-args-own-build"]


def test_a_control_must_be_faulted_in_its_own_words():
    control = Control(name="x", words=Words(args=()), claims=CLAIMS, says="world_size is 4")
    assert unseen(control, resolved()) is None
    assert "control 'x'" in (unseen(control, resolved(world_size=4)) or "")
    assert "control 'x'" in (unseen(control, refused(0)) or "")


def test_every_version_has_controls_of_its_own():
    by_name = {s.name: {c.name for c in controls(s.engine, s.version)} for s in subjects()}
    assert all(len(names) >= 8 for names in by_name.values())
    stops = "a flag that parses and stops the server"
    fatal = "a deploy config where it is fatal"
    assert {name for name, names in by_name.items() if stops in names} == {"vllm-omni-0.30.0"}
    assert {name for name, names in by_name.items() if fatal in names} == {
        "vllm-omni-0.26.0",
        "vllm-omni-0.28.0",
    }
