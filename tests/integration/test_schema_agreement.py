"""`parse` and a real API server give the same answer, and what both accept can be made.

COSMOS3_EXAMPLES=20000 draws that many new specs of each kind; without it, the same few each time.
A failure prints the shortest spec that shows it.
"""

from __future__ import annotations

import copy
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import strategies
from apiserver import Answer, Cause, DryRun, dry_run
from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.api.resource import Kind, Resource, parse
from cosmos3_operator.api.unknown import unknown_fields
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
BATCH = 16
ASKED = int(os.environ.get("COSMOS3_EXAMPLES", "0"))
EXAMPLES = ASKED or 1000
"""Bodies of each kind in each test."""

NOT_RULES = re.compile(
    r"in body (should|must)|Unsupported value|Required value|Duplicate value|Too long|Too many"
    r"|must be of type|accessor error|non-negative integer|RFC 1123|may not be empty"
)
"""What the API server says about everything but our rules."""
STOPPED = "some validation rules were not checked"


@pytest.fixture(scope="module")
def server(kubeconfig: Path, crds_installed: None) -> Iterator[DryRun]:
    with dry_run(kubeconfig) as opened:
        yield opened


def batches(kind: Kind) -> st.SearchStrategy[list[Json]]:
    return st.lists(strategies.bodies(kind), min_size=BATCH, max_size=BATCH)


exploring = settings(
    max_examples=max(1, EXAMPLES // BATCH),
    deadline=None,
    derandomize=not ASKED,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("kind", Kind)
def test_both_sides_agree_and_what_they_accept_can_be_made(server: DryRun, kind: Kind) -> None:
    seen: Counter[str] = Counter()

    @exploring
    @given(batches(kind))
    def agree(bodies: list[Json]) -> None:
        judge_all(server, bodies, seen)

    agree()
    print(f"\n{kind}: {dict(seen)}")
    assert seen["accepted"] > EXAMPLES / 5
    assert seen["refused"] > EXAMPLES / 5
    assert seen["unknown fields"] > EXAMPLES / 100
    assert seen["refused by rules only"] > EXAMPLES / 20
    assert seen["children"] > EXAMPLES / 2


@pytest.mark.parametrize("kind", Kind)
def test_both_sides_agree_about_odd_values_of_every_field(server: DryRun, kind: Kind) -> None:
    seen: Counter[str] = Counter()
    bodies = strategies.one_odd_field(kind)
    if not ASKED:
        bodies = random.Random(kind).sample(bodies, EXAMPLES) + strategies.one_odd_number(kind)
    for start in range(0, len(bodies), BATCH):
        judge_all(server, bodies[start : start + BATCH], seen)
    print(f"\n{kind}: {dict(seen)}")
    assert seen["refused"] > len(bodies) / 2
    assert seen["accepted"] > len(bodies) / 20
    assert seen["refused by rules only"] > len(bodies) / 20


def judge_all(server: DryRun, bodies: list[Json], seen: Counter[str]) -> None:
    for body, answer in zip(bodies, server.create(bodies), strict=True):
        try:
            judge(server, body, answer, seen)
        except AssertionError:
            small = smallest(body, lambda part: fails(server, part))
            judge(server, small, server.create([small])[0], seen)
            raise


def judge(server: DryRun, body: Json, answer: Answer, seen: Counter[str]) -> None:
    resource = agreed(body, answer, seen)
    if resource is not None:
        can_be_made(server, resource, seen)


def fails(server: DryRun, body: Json) -> bool:
    try:
        judge(server, body, server.create([body])[0], Counter())
    except AssertionError:
        return True
    return False


def smallest(body: Json, bad: Callable[[Json], bool]) -> Json:
    """Drop parts of a bad body as long as it stays bad: hypothesis would take minutes."""
    for path in sorted(strategies.places(body), key=len):
        less = copy.deepcopy(body)
        del strategies.get(less, path[:-1])[path[-1]]
        if bad(less):
            return smallest(less, bad)
    return body


def agreed(body: Json, answer: Answer, seen: Counter[str]) -> Resource | None:
    """Return the resource if both sides accept it, None if neither does."""
    unknown = unknown_fields(body)
    if unknown or "strict decoding error" in answer.message:
        seen["unknown fields"] += 1
        theirs = set(re.findall(r'unknown field "(.*?)"(?=$|, )', answer.message))
        assert {error.path for error in unknown} == theirs, explained(body, answer, unknown)
        return None
    resource, errors = parsed(body)
    assert answer.accepted == (not errors), explained(body, answer, errors)
    seen["refused" if errors else "accepted"] += 1
    if errors:
        same_words(body, answer, errors, seen)
    return resource


def parsed(body: Json) -> tuple[Resource | None, tuple[FieldError, ...]]:
    try:
        return parse(body), ()
    except Invalid as invalid:
        return None, invalid.errors


def same_words(
    body: Json, answer: Answer, ours: tuple[FieldError, ...], seen: Counter[str]
) -> None:
    """Where only rules object, both sides say the same about the same fields."""
    theirs = {cause for cause in answer.causes if not NOT_RULES.search(cause.text)}
    if theirs and len(theirs) == len(set(answer.causes)):
        seen["refused by rules only"] += 1
        said = {cause.path for cause in theirs}
        unsaid = [error for error in ours if not any(says(c, error) for c in theirs)]
        assert not unsaid, explained(body, answer, ours)
        assert {error.path for error in ours} <= said, explained(body, answer, ours)


def says(cause: Cause, error: FieldError) -> bool:
    return cause.path == error.path and cause.text.endswith(error.message)


def can_be_made(server: DryRun, resource: Resource, seen: Counter[str]) -> None:
    """Every child of an accepted resource is accepted; a refusal to plan names fields."""
    try:
        children = render(make_plan(resource, Facts(nodes=None)))
    except Invalid as invalid:
        seen["refused by the catalog"] += 1
        unplaced = [error for error in invalid.errors if not error.path.startswith("spec.")]
        children = ()
        if unplaced:
            raise
    for child, answer in zip(children, server.apply(children), strict=True):
        seen["children"] += 1
        assert answer.accepted, f"{answer.message}\n{child}"
        assert not answer.warnings, f"{answer.warnings}\n{child}"


def explained(body: Json, answer: Answer, ours: tuple[FieldError, ...]) -> str:
    theirs = "\n".join(f"  {c.path}: {c.text}" for c in answer.causes) or f"  {answer.message}"
    words = "\n".join(f"  {error}" for error in ours) or "  accepted"
    return f"\nAPI server {answer.status}:\n{theirs}\nours:\n{words}\nbody: {body}"
