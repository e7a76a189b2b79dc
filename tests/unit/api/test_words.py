"""Schema errors in words: one for each field, with path, value, rule and way out."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.api.crds import schema
from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.api.resource import API_VERSION, Kind, parse
from cosmos3_operator.api.words import MAPS, shown

Json = dict[str, Any]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NANO = "nvidia/Cosmos3-Nano"


def words(spec: Any, kind: Kind = Kind.GENERATOR) -> list[str]:
    body = {
        "apiVersion": API_VERSION,
        "kind": str(kind),
        "metadata": {"name": "a"},
        "spec": spec,
    }
    try:
        parse(body)
    except Invalid as invalid:
        return [str(error) for error in invalid.errors]
    return []


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"replicas": "1"}, "spec.replicas: '1' must be a whole number, without quotes"),
        ({"replicas": 1.5}, "spec.replicas: 1.5 must be a whole number, without quotes"),
        ({"replicas": True}, "spec.replicas: true must be a whole number, without quotes"),
        ({"replicas": -1}, "spec.replicas: -1 must be at least 0"),
        ({"replicas": 1001}, "spec.replicas: 1001 must be at most 1000"),
        ({"replicas": []}, "spec.replicas: must be a whole number, without quotes"),
        ({"model": 3}, "spec.model: 3 must be a text: put it in quotes"),
        ({"model": None}, "spec.model: is missing: it has no default"),
        ({"pod": 3}, "spec.pod: 3 must be a map of fields"),
        ({"pod": {"env": {}}}, "spec.pod.env: must be a list"),
        ({"pod": {"labels": []}}, "spec.pod.labels: must be a map"),
        (
            {"pod": {"labels": {"a.b/c": 1}}},
            "spec.pod.labels[a.b/c]: 1 must be a text: put it in quotes",
        ),
        (
            {"huggingFace": {"offline": "yes"}},
            "spec.huggingFace.offline: 'yes' must be true or false, without quotes",
        ),
        (
            {"offload": "layerwise"},
            "spec.offload: 'layerwise' must be one of 'None', 'Layerwise' or 'Model'",
        ),
        ({"extraArgs": [None]}, "spec.extraArgs[0]: must not be null: drop it or give it a value"),
        (
            {"extraArgs": [""]},
            "spec.extraArgs[0]: '' must not be empty: leave it out or give it a value",
        ),
        ({"extraArgs": ["-a"] * 65}, "spec.extraArgs: must have at most 64 items, not 65"),
        (
            {"gpu": {"products": ["x" * 64]}},
            f"spec.gpu.products[0]: '{'x' * 56}... must have at most 63 characters",
        ),
        (
            {"pod": {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}}},
            f"spec.pod.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms: must have at least 1 "
            "items, not 0",
        ),
    ],
)
def test_each_kind_of_error_has_words(part: Json, expected: str) -> None:
    assert words({"model": NANO, **part}) == [expected]


def test_a_wrong_item_is_not_a_short_list_as_well() -> None:
    term = {"matchExpressions": [{"key": "a b", "operator": "Exists"}]}
    required = {REQUIRED: {"nodeSelectorTerms": [term]}}
    found = words({"model": NANO, "pod": {"affinity": {"nodeAffinity": required}}})
    assert [line.partition(":")[0].rpartition(".")[2] for line in found] == ["key"]


def test_all_errors_are_told_at_once() -> None:
    spec = {"model": "Nano", "replicas": -1, "cache": {"size": "0Gi", "type": "Disk"}}
    paths = [line.partition(":")[0] for line in words(spec)]
    assert paths == ["spec.cache.size", "spec.cache.type", "spec.model", "spec.replicas"]


def test_null_is_as_good_as_nothing_but_in_lists() -> None:
    assert words({"model": NANO, "drainSeconds": None, "cache": None}) == []
    assert words({"model": NANO, "pod": {"labels": {"a": None}}}) == []
    assert len(words({"model": NANO, "pod": {"env": [None]}})) == 1


def test_spec_itself() -> None:
    assert words(None) == ["spec: is missing: write at least model"]
    assert words([]) == ["spec: must be a map of fields"]
    assert words({}) == ["spec.model: is missing: it has no default"]


def test_every_map_of_the_schema_is_known() -> None:
    def maps(name: str, node: Json) -> set[str]:
        found = {name} if "additionalProperties" in node else set()
        parts = [*node.get("properties", {}).items()]
        parts += [(name, node[key]) for key in ("items", "additionalProperties") if key in node]
        return found.union(*(maps(part, below) for part, below in parts))

    assert set().union(*(maps("", schema(kind)) for kind in Kind)) == MAPS


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "'a'"), (True, "true"), (1.5, "1.5"), (None, ""), ([1], ""), ({}, "")],
)
def test_values_are_shown_as_they_were_written(value: Any, text: str) -> None:
    assert shown(value) == text


def test_errors_print_path_value_and_message() -> None:
    assert str(FieldError("spec.a", "must be b", "'c'")) == "spec.a: 'c' must be b"
    assert str(FieldError("spec.a", "is missing")) == "spec.a: is missing"
    both = (FieldError("spec.a", "x"), FieldError("spec.b", "y"))
    assert str(Invalid(both)) == "spec.a: x; spec.b: y"
