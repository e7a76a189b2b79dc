"""Plans drawn at random for one runtime: always the same ones, so that a failure can be repeated.

In: a runtime of the catalog and one of its surfaces. Out: distinct commands. Specs come from the
strategies of the unit tests: one set written by hand, one that walks the API's schema and so draws
a new field as soon as there is one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import strategies
from compat.commands import Command, of_plan, runtime_of
from compat.errors import CompatError
from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.resource import Kind
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Runtime, Surface
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.types import Plan
from unit.plan import specs

WANTED = 200
"""Distinct commands for each runtime and surface: enough that every field meets most others."""
_DRAWS = 1200
_OWN_IMAGE = "registry.example.com/plugin:1"

_WRITTEN = {Surface.GENERATOR: specs.GENERATORS, Surface.REASONER: specs.REASONERS}
_KINDS = {Surface.GENERATOR: Kind.GENERATOR, Surface.REASONER: Kind.REASONER}


def drawn(runtime: Runtime, surface: Surface) -> tuple[Command, ...]:
    """Return WANTED distinct commands for a runtime."""
    found: dict[tuple[str, ...], Plan] = {}
    for spec in _specs(surface):
        plan = _planned(surface, _pinned(spec, runtime, surface))
        if plan and runtime_of(plan) == runtime:
            found.setdefault(plan.args, plan)
        if len(found) == WANTED:
            break
    else:
        raise CompatError(
            f"only {len(found)} distinct commands of {WANTED} were drawn for {runtime.engine} "
            f"{runtime.name}: draw more often, or from more, in {__file__}"
        )
    plans = enumerate(found.values(), start=1)
    return tuple(of_plan(plan, f"drawn {number}") for number, plan in plans)


@cache
def _specs(surface: Surface) -> tuple[dict[str, Any], ...]:
    """Draw specs that mean to be valid, with whatever runtime."""
    walked = strategies.valid(_KINDS[surface]).map(lambda body: body["spec"])
    found: list[dict[str, Any]] = []

    @seed(0)
    @settings(
        database=None,
        deadline=None,
        max_examples=_DRAWS,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(spec=st.one_of(_WRITTEN[surface], walked))
    def draw(spec: dict[str, Any]) -> None:
        found.append(spec)

    draw()
    return tuple(found)


def _pinned(spec: dict[str, Any], runtime: Runtime, surface: Surface) -> dict[str, Any]:
    """Return a spec for this runtime, without arguments that are the user's own."""
    kept = {name: value for name, value in spec.items() if name != "extraArgs"}
    return kept | {"runtime": _asked(runtime, surface)}


def _asked(runtime: Runtime, surface: Surface) -> dict[str, str]:
    """Return the spec.runtime that means a runtime: by its name, unless that means another one."""
    if load().runtime(surface, runtime.name) != runtime:
        return {"image": f"{runtime.repository}:{runtime.tag}"}
    return {"version": runtime.name} | ({"image": _OWN_IMAGE} if runtime.needs_own_image else {})


def _planned(surface: Surface, spec: dict[str, Any]) -> Plan | None:
    """Plan a spec; where a runtime cannot do guardrails as drawn, without them."""
    without = [{"guardrails": {"mode": "Disabled"}}] if surface is Surface.GENERATOR else []
    for change in ({}, *without):
        try:
            return make_plan(specs.resource(_KINDS[surface], spec | change), Facts())
        except Invalid:
            continue
    return None
