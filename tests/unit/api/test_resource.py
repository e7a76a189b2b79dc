"""From a stored body to a typed resource, and what may not change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import strategies
from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.generator import CosmosGeneratorSpec
from cosmos3_operator.api.resource import API_VERSION, Kind, change_errors, parse
from cosmos3_operator.api.topology import surface_rules
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Checkpoint, Surface

Json = dict[str, Any]
NANO = "nvidia/Cosmos3-Nano"


def body(**changes: Any) -> Json:
    whole = {
        "apiVersion": API_VERSION,
        "kind": "CosmosGenerator",
        "metadata": {"name": "nano", "namespace": "models", "uid": "u", "generation": 3},
        "spec": {"model": NANO},
    }
    return {**whole, **changes}


def errors(resource: Json) -> list[str]:
    with pytest.raises(Invalid) as caught:
        parse(resource)
    return [str(error) for error in caught.value.errors]


def test_identity_and_defaults() -> None:
    found = parse(body(status={"replicas": 1}))
    assert (found.kind, found.namespace, found.name) == (Kind.GENERATOR, "models", "nano")
    assert (found.uid, found.generation, found.status) == ("u", 3, {"replicas": 1})
    assert isinstance(found.spec, CosmosGeneratorSpec)
    assert found.spec.replicas == 1
    assert found.spec.guardrails.mode == "Enabled"


def test_a_file_without_namespace_or_uid_is_enough() -> None:
    found = parse(body(metadata={"name": "nano"}))
    assert (found.namespace, found.uid, found.generation) == ("default", "", 0)


def test_four_lines_of_spec_or_fewer_are_enough_for_every_checkpoint() -> None:
    for checkpoint in load().checkpoints:
        for surface in checkpoint.surfaces:
            parse(body(kind=f"Cosmos{surface}", spec={"model": checkpoint.model}))


def test_wrong_kind_and_version() -> None:
    assert errors(body(kind="Pod")) == ["kind: 'Pod' must be CosmosGenerator or CosmosReasoner"]
    assert errors(body(apiVersion="v1")) == ["apiVersion: 'v1' must be serving.cosmos3.io/v1alpha1"]


def test_name_and_spec_errors_come_together() -> None:
    found = errors(body(metadata={"name": "Nano"}, spec={"model": NANO, "replicas": -1}))
    assert [line.partition(":")[0] for line in found] == ["metadata.name", "spec.replicas"]


@pytest.mark.parametrize("name", ["a", "a-1", "a" * 40])
def test_good_names(name: str) -> None:
    assert parse(body(metadata={"name": name})).name == name


@pytest.mark.parametrize("name", ["", "A", "1a", "a-", "-a", "a.b", "a_b", "a" * 41, "ä", "a\n"])
def test_bad_names(name: str) -> None:
    assert errors(body(metadata={"name": name}))[0].startswith("metadata.name: ")


def test_zero_replicas_free_the_gpus() -> None:
    assert parse(body(spec={"model": NANO, "replicas": 0})).spec.replicas == 0


def test_rules_are_judged_in_every_part() -> None:
    spec = {
        "model": NANO,
        "pod": {"tolerations": [{"operator": "Exists"}, {"operator": "Exists", "value": "x"}]},
    }
    (line,) = errors(body(spec=spec))
    assert line.startswith("spec.pod.tolerations[1]: value 'x' is never compared")


def fake(model: str, *surfaces: Surface) -> Checkpoint:
    facts = load().checkpoints[0].surfaces[Surface.GENERATOR]
    return Checkpoint(
        model=model,
        family="nano",
        title="",
        download_gib=1,
        surfaces=dict.fromkeys(surfaces, facts),
    )


@pytest.mark.parametrize("surface", Surface)
def test_a_checkpoint_of_the_other_surface_only_is_refused_either_way(surface: Surface) -> None:
    other = next(s for s in Surface if s is not surface)
    known = (fake("a/only", other), fake("a/both", *Surface))
    (rule,) = surface_rules(surface, known)
    asked = CosmosGeneratorSpec(model="a/only")
    assert rule.violation(asked) == (
        f"a/only has no {surface} surface: serve it with a Cosmos{other}, or choose an omnimodal "
        "checkpoint such as nvidia/Cosmos3-Nano"
    )
    assert rule.cel == "!(self.model in ['a/only'])"
    assert rule.violation(CosmosGeneratorSpec(model="a/both")) is None
    assert rule.violation(CosmosGeneratorSpec(model="a/unknown")) is None


def test_the_numbers_that_rules_spell_out_are_those_of_the_catalog() -> None:
    """The rules say 8, since CEL cannot look it up; a family with other heads needs its own."""
    assert {family.kv_heads for family in load().families} == {8}


def test_a_claim_never_shrinks_but_a_new_one_may_be_small() -> None:
    def cached(**cache: Any) -> Any:
        return parse(body(spec={"model": NANO, "cache": cache}))

    large, small = cached(type="Claim", size="1Ti"), cached(type="Claim", size="1T")
    (error,) = change_errors(large, small)
    assert error.path == "spec.cache"
    assert error.message.startswith("the size of a claim cannot shrink from 1Ti to 1T")
    assert change_errors(small, large) == ()
    assert change_errors(large, cached(type="EmptyDir", size="1Gi")) == ()
    assert change_errors(cached(), small) == ()


@pytest.mark.parametrize("kind", Kind)
def test_parse_answers_every_body_with_a_resource_or_with_errors(kind: Kind) -> None:
    @settings(
        derandomize=True,
        database=None,
        max_examples=150,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(strategies.bodies(kind), min_size=4, max_size=4))
    def total(bodies: list[Json]) -> None:
        for each in bodies:
            try:
                found = parse(each)
            except Invalid as invalid:
                told = invalid.errors
            else:
                told = ()
                assert found.kind is kind
            for error in told:
                assert error.path.startswith(("spec", "metadata.name"))
                assert error.path not in error.message
                assert error.message[0].islower() or error.value == ""

    total()
