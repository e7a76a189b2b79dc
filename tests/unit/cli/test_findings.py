"""How `check` compares the schemas that a cluster has with those of this version."""

from __future__ import annotations

from cosmos3_operator.cli.findings import absent

OURS = {
    "properties": {
        "model": {"type": "string"},
        "cache": {"properties": {"size": {}, "claim": {}}},
        "env": {"items": {"properties": {"name": {}, "value": {}}}},
    }
}


def test_the_same_schema_lacks_nothing() -> None:
    assert list(absent("spec", OURS, OURS)) == []


def test_fields_that_only_the_cluster_knows_do_not_matter() -> None:
    theirs = {"properties": OURS["properties"] | {"newer": {}}}
    assert list(absent("spec", OURS, theirs)) == []


def test_what_is_lacking_is_named_by_its_path_once() -> None:
    theirs = {
        "properties": {
            "cache": {"properties": {"size": {}}},
            "env": {"items": {"properties": {"name": {}}}},
        }
    }
    assert list(absent("spec", OURS, theirs)) == [
        "spec.model",
        "spec.cache.claim",
        "spec.env[].value",
    ]


def test_no_schema_lacks_everything() -> None:
    assert list(absent("spec", OURS, {})) == ["spec.model", "spec.cache", "spec.env"]
