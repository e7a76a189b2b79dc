"""What is refused, and what people read then: the table in schema_rejections.yaml.

`ours` is what `validate`, events and status say; `server` is what `kubectl apply` prints. Each
names the field, its value, the rule and the way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import strategies
from apiserver import Answer, DryRun, dry_run
from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.resource import Kind, change_errors, parse
from cosmos3_operator.api.unknown import unknown_fields

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
TABLE = Path(__file__).with_name("schema_rejections.yaml")
CASES: list[Json] = yaml.safe_load(TABLE.read_text("utf-8"))


@pytest.fixture(scope="module")
def server(kubeconfig: Path, crds_installed: None) -> Iterator[DryRun]:
    with dry_run(kubeconfig) as opened:
        yield opened


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_both_sides_say_it_well(server: DryRun, case: Json) -> None:
    assert our_words(case) == case["ours"]
    assert their_words(server, case) == case["server"]


def our_words(case: Json) -> list[str]:
    new = body(case, case["spec"])
    if unknown := unknown_fields(new):
        return [str(error) for error in unknown]
    try:
        resource = parse(new)
    except Invalid as invalid:
        return [str(error) for error in invalid.errors]
    return [str(error) for error in change_errors(parse(body(case, case["from"])), resource)]


def their_words(server: DryRun, case: Json) -> list[str]:
    new = body(case, case["spec"])
    if "from" not in case:
        return told(server.create([new])[0])
    old = body(case, case["from"])
    stored = server.store(old)
    new["metadata"] = {"name": "a", "resourceVersion": stored.body["metadata"]["resourceVersion"]}
    try:
        return told(server.replace([new])[0])
    finally:
        server.remove(old)


def body(case: Json, spec: Json) -> Json:
    kind = Kind(case.get("kind", Kind.GENERATOR))
    return strategies.of_kind(kind, spec, case.get("name", "a"))


def told(answer: Answer) -> list[str]:
    if not answer.causes:
        return [answer.message]
    return sorted(f"{cause.path}: {cause.text}" for cause in answer.causes)
