"""What the operator relies on, checked against the real servers; `make compat` calls `check()`.

Each check is a small function that gets a running server; the tables of this package say which of
them are made, in their order, and against which server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bed.progress import Say, to_stderr
from servers.checks import generator, guardrails, reasoner
from servers.folders import HERE
from servers.report import console, outcome_table
from servers.trial import Outcome, try_all

REASONERS = ("0.30.0", "0.32.0")
"""The vLLM that pairs with the newest vLLM-Omni, and the newest that is built for CPUs."""


def check(say: Say = to_stderr) -> list[Outcome]:
    """Start the servers, one at a time, print what was seen, and return how each check went.

    Takes about six minutes on two idle cores, and at most 4 GiB of memory.
    """
    outcomes: list[Outcome] = []
    for outcome in _all(say):
        outcomes.append(outcome)
        say(f"{outcome.server}: {outcome.check}: {'FAILED' if outcome.failed else 'ok'}")
    console().print(outcome_table(outcomes))
    for one in outcomes:
        if one.failed:
            say(f"\n{one.server}: {one.check}: {one.detail}")
    return outcomes


def _all(say: Say) -> Iterator[Outcome]:
    for version in REASONERS:
        resource = reasoner_resource(version)
        yield from try_all(resource, {**reasoner.SERVING, **reasoner.BUSY_STOP}, say=say)
        yield from try_all(resource, reasoner.IDLE_STOP, say=say)
    resource = generator_resource()
    yield from try_all(resource, {**generator.SERVING, **generator.BUSY_STOP}, say=say)
    yield from try_all(resource, generator.IDLE_STOP, say=say)
    yield guardrails.enabled_without_weights(generator_resource(guardrails="Enabled"), say=say)


def reasoner_resource(version: str) -> Mapping[str, Any]:
    """Return the committed Reasoner, served by a version of vLLM."""
    return _resource("reasoner", runtime={"version": version})


def generator_resource(*, guardrails: str = "Disabled") -> Mapping[str, Any]:
    """Return the committed Generator."""
    return _resource("generator", guardrails={"mode": guardrails})


def _resource(name: str, **changes: object) -> Mapping[str, Any]:
    body: dict[str, Any] = yaml.safe_load((HERE / "resources" / f"{name}.yaml").read_text("utf-8"))
    return {**body, "spec": {**body["spec"], **changes}}
