"""All mistakes of a file at once, and no made-up ones."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.api.every import every_error


def paths(spec: Any, *, name: str = "nano", kind: str = "CosmosGenerator") -> list[str]:
    body = {
        "apiVersion": "serving.cosmos3.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }
    return [error.path for error in every_error(body)]


def test_a_valid_resource_has_none() -> None:
    assert paths({"model": "nvidia/Cosmos3-Nano"}) == []


def test_rules_are_judged_beside_broken_fields() -> None:
    spec = {
        "model": "nvidia/Cosmos3-Super-Text2Image-4Step",
        "replicas": -1,
        "parallelism": {"tensor": 3, "cfg": 2},
        "media": {"claimName": "media", "mountPath": "/"},
        "extraArgs": ["--tensor-par=8"],
    }
    assert paths(spec, name="Four") == [
        "metadata.name",
        "spec.extraArgs",
        "spec.media.mountPath",
        "spec.parallelism",
        "spec.parallelism.cfg",
        "spec.replicas",
    ]


def test_no_rule_speaks_of_what_was_taken_out() -> None:
    """Without the broken name, the claim would seem to be forgotten."""
    spec = {
        "model": "nvidia/Cosmos3-Nano",
        "cache": {"type": "ExistingClaim", "claimName": "No_Such_Name"},
    }
    assert paths(spec) == ["spec.cache.claimName"]


def test_a_broken_model_says_nothing_about_the_rest() -> None:
    assert paths({"model": 3, "parallelism": {"tensor": 3}}) == ["spec.model"]
    assert paths({"parallelism": {"tensor": 3}}) == ["spec.model"]
    assert paths("nonsense") == ["spec"]
    assert paths(None) == ["spec"]


def test_an_unknown_kind_is_one_error() -> None:
    assert paths({}, kind="CosmosPainter") == ["kind"]


def test_items_of_lists_are_taken_out_with_their_list() -> None:
    spec = {
        "model": "nvidia/Cosmos3-Super",
        "parallelism": {"tensor": 3},
        "pod": {"tolerations": [{"operator": "Exists"}, {"operator": "Maybe"}]},
    }
    assert paths(spec) == ["spec.parallelism", "spec.pod.tolerations[1].operator"]
