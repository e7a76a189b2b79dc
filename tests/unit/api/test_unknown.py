"""Fields that the schema does not know."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.api.resource import API_VERSION
from cosmos3_operator.api.unknown import unknown_fields

NANO = "nvidia/Cosmos3-Nano"


def told(spec: Any, kind: str = "CosmosGenerator", **more: Any) -> list[str]:
    whole = {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": "a", "labels": {"anything": "goes"}},
        "spec": spec,
    }
    return [str(error) for error in unknown_fields({**whole, **more})]


def test_nothing_unknown() -> None:
    spec = {"model": NANO, "pod": {"labels": {"a": "b"}, "env": [{"name": "A"}]}}
    assert told(spec, status={"replicas": 1}) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"modell": NANO}, "spec.modell: is an unknown field: did you mean model?"),
        (
            {"pod": {"hostNetwork": True}},
            "spec.pod.hostNetwork: is an unknown field: check its spelling and indentation",
        ),
        (
            {"pod": {"env": [{"name": "A"}, {"nam": "B"}]}},
            "spec.pod.env[1].nam: is an unknown field: did you mean name?",
        ),
        ({"model": {"name": NANO}}, "spec.model.name: is an unknown field"),
        ({"pod": [{"env": []}]}, "spec.pod[0].env: is an unknown field"),
    ],
)
def test_unknown_fields_are_named_with_a_hint(spec: Any, expected: str) -> None:
    (line,) = told(spec)
    assert line.startswith(expected)


def test_beside_the_spec() -> None:
    (line,) = told({}, sepc={})
    assert line == "sepc: is an unknown field: did you mean spec?"
    assert told({}, metadata={"nam": "a"})[0].startswith("metadata.nam: ")


def test_the_kinds_differ() -> None:
    assert told({"guardrails": {}}) == []
    assert told({"guardrails": {}}, kind="CosmosReasoner") != []


def test_another_kind_is_not_ours_to_judge() -> None:
    assert told({"x": 1}, kind="Pod") == []
