"""What the real servers printed when they failed, and when they did not, is told rightly.

The logs in recorded/ are made by `python -m diagnosis.record`. Each is read as the operator gets
it: its end as the termination message, and more of it where the log could be read.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.diagnosis.diagnose import Ended, best_line, diagnose
from cosmos3_operator.plan.types import Plan
from unit.plan import specs

RECORDED = Path(__file__).parent / "recorded"
TOLD = {
    "reasoner-unknown-flag": (Reason.INVALID_ARGUMENT, "does not know --no-such-flag"),
    "reasoner-bad-choice": (Reason.INVALID_ARGUMENT, "that value of --dtype"),
    "reasoner-context-too-long": (Reason.INVALID_ARGUMENT, "goes to 262144"),
    "reasoner-kv-cache-too-small": (Reason.KV_CACHE_TOO_SMALL, "needs 0.03 GiB"),
    "reasoner-heads-not-divisible": (Reason.INVALID_ARGUMENT, "32 attention heads"),
    "reasoner-not-cached": (Reason.WEIGHTS_NOT_FOUND, "cache does not hold"),
    "reasoner-no-such-folder": (Reason.WEIGHTS_NOT_FOUND, "no folder /cache/models/none"),
    "reasoner-override-on-native": (Reason.MODEL_ARCHITECTURE_UNSUPPORTED, "Cosmos3Reasoner"),
    "reasoner-port-in-use": (Reason.PORT_IN_USE, "is taken"),
    "reasoner-service-link": (Reason.SERVICE_LINK_CLASH, "tcp://10.96.0.12:8000"),
    "generator-unknown-flag": (Reason.INVALID_ARGUMENT, "does not know --no-such-flag"),
    "generator-unknown-field": (Reason.INVALID_ARGUMENT, "takes no enable_lora"),
    "generator-guardrails-unreachable": (Reason.WEIGHTS_NOT_FOUND, "nvidia/Cosmos-1.0-Guardrail"),
    "generator-not-cached": (Reason.WEIGHTS_NOT_FOUND, "cache does not hold"),
    "generator-init-timeout": (Reason.ENGINE_INIT_TIMEOUT, "not ready after 3 s"),
    "generator-port-in-use": (Reason.PORT_IN_USE, "is taken"),
}
FOLLOWED = {"reasoner-service-link", "reasoner-kv-cache-too-small"}
"""Failures whose telling line is further up than the termination message reaches."""
BEYOND_ITS_END = {*FOLLOWED, "reasoner-override-on-native"}
"""These, and one whose telling line alone is longer than the termination message."""


def plan_of(name: str) -> Plan:
    kind = specs.GENERATOR if name.startswith("generator") else specs.REASONER
    return specs.plan(kind, huggingFace={"offline": True})


def log_of(name: str) -> str:
    return (RECORDED / f"{name}.log").read_text("utf-8")


def end_of(log: str) -> str:
    """Return what a kubelet keeps of a log: 80 lines or 2 KiB."""
    return "\n".join(log.splitlines()[-80:])[-2048:]


def test_every_record_is_expected() -> None:
    recorded = {file.stem for file in RECORDED.glob("*.log")}
    assert recorded == {*TOLD, "reasoner-serves"}


@pytest.mark.parametrize("name", TOLD)
def test_a_failure_is_told_by_its_log(name: str) -> None:
    log = log_of(name)
    told = diagnose(plan_of(name), Ended(exit_code=1, termination_message=end_of(log), log=log))
    assert told is not None
    assert told.reason is TOLD[name][0]
    assert TOLD[name][1] in told.what


@pytest.mark.parametrize("name", sorted(TOLD.keys() - BEYOND_ITS_END))
def test_most_are_told_by_the_termination_message_alone(name: str) -> None:
    ended = Ended(exit_code=1, termination_message=end_of(log_of(name)))
    told = diagnose(plan_of(name), ended)
    assert told is not None
    assert told.reason is TOLD[name][0]


@pytest.mark.parametrize("name", sorted(BEYOND_ITS_END))
def test_some_are_told_by_the_log_only(name: str) -> None:
    ended = Ended(exit_code=1, termination_message=end_of(log_of(name)))
    assert diagnose(plan_of(name), ended) is None
    seen = best_line(plan_of(name), ended)
    assert ("See root cause above" in seen) == (name in FOLLOWED)


def test_a_server_that_serves_says_nothing_that_looks_like_a_failure() -> None:
    log = log_of("reasoner-serves")
    before_it_was_up = log.partition("Application startup complete.")[0]
    for text in (log, before_it_was_up):
        assert diagnose(plan_of("reasoner-serves"), Ended(exit_code=None, log=text)) is None


@pytest.mark.parametrize("name", [*TOLD, "reasoner-serves"])
def test_the_records_are_short_and_say_nothing_of_a_machine(name: str) -> None:
    log = log_of(name)
    assert len(log.splitlines()) <= 600
    assert not [place for place in ("/home/", "/tmp/c", "127.0.0.1", "localhost") if place in log]
