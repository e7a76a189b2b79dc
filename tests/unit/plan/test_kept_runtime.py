"""A newer catalog moves nothing: what was decided is kept until the user asks anew."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.catalog.load import Catalog, load, version_key
from cosmos3_operator.catalog.types import Surface
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts, LiveDeployment
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.note import question_of, read
from cosmos3_operator.plan.types import Plan
from support import catalogs
from unit.plan import specs

OMNI = "vllm-omni/cosmos3"
NEXT = "vllm-omni/0.30.0"
LATER = catalogs.with_default(load(), Surface.GENERATOR, NEXT)
OTHER_DIGEST = "sha256:" + "0123456789abcdef" * 4
TOKEN = {"huggingFace": {"tokenSecretRef": {"name": "hf-token"}}}
OWN = {"image": "registry.example.com/own/server:1"}


def plan(
    catalog: Catalog, live: LiveDeployment | None = None, kind: str = specs.GENERATOR, **spec: Any
) -> Plan:
    """Plan a resource by a catalog, with the Deployment that is there already."""
    resource = specs.resource(kind, {"model": specs.NANO, **TOKEN, **spec})
    return make_plan(resource, Facts(deployment=live), catalog=catalog)


def pods(made: Plan) -> Any:
    """What the pods of a plan are made from."""
    return [child for child in render(made) if child["kind"] in ("ConfigMap", "Deployment")]


def of_runtime(made: Plan) -> list[str]:
    """The warnings about the runtime."""
    return [warning for warning in made.warnings if warning.startswith("runtime")]


def test_another_default_moves_nothing_and_is_said_once() -> None:
    begun = plan(load())
    assert of_runtime(begun) == []
    later = plan(LATER, specs.live(begun))
    assert pods(later) == pods(begun)
    assert later.guardrails == begun.guardrails
    assert of_runtime(later) == [
        "runtime: it runs vllm-omni 0.25.0 since it was first planned; the default is now "
        "vllm-omni 0.30.0: set spec.runtime.version to 0.30.0 to move, which restarts it"
    ]


def test_a_new_resource_gets_the_new_default() -> None:
    assert plan(LATER).runtime.label == "vllm-omni 0.30.0"
    assert of_runtime(plan(LATER)) == []


def test_the_way_that_the_warning_names_leads_there() -> None:
    begun = plan(load())
    moved = plan(LATER, specs.live(begun), runtime={"version": "0.30.0"})
    assert moved.runtime.label == "vllm-omni 0.30.0"
    assert of_runtime(moved) == []
    # And without the version again, it stays where it is.
    freed = plan(LATER, specs.live(moved))
    assert freed.runtime.label == "vllm-omni 0.30.0"
    assert freed.runtime.image == moved.runtime.image


def test_another_digest_of_the_same_version_moves_nothing_until_the_note_is_removed() -> None:
    begun = plan(load())
    catalog = catalogs.with_digest(load(), OMNI, OTHER_DIGEST)
    later = plan(catalog, specs.live(begun))
    assert pods(later) == pods(begun)
    (said,) = of_runtime(later)
    assert begun.runtime.image in said
    assert OTHER_DIGEST in said
    assert "remove the annotation serving.cosmos3.io/runtime" in said
    anew = plan(catalog, replace(specs.live(begun), note=""))
    assert anew.runtime.image.endswith(OTHER_DIGEST)


@pytest.mark.parametrize("version", ["cosmos3", "0.25.0"])
def test_a_version_that_the_user_names_keeps_its_image(version: str) -> None:
    runtime = {"version": version}
    begun = plan(load(), runtime=runtime)
    catalog = catalogs.with_digest(load(), OMNI, OTHER_DIGEST)
    assert pods(plan(catalog, specs.live(begun), runtime=runtime)) == pods(begun)


def test_a_name_that_moves_on_to_another_version_moves_nothing() -> None:
    begun = plan(load(), runtime={"version": "cosmos3"})
    (old,) = [r for r in load().runtimes if catalogs.label(r) == OMNI]
    catalog = catalogs.with_version(load(), OMNI, "0.29.0")
    kept = replace(catalog, runtimes=(*catalog.runtimes, replace(old, name="cosmos3-july")))
    later = plan(kept, specs.live(begun), runtime={"version": "cosmos3"})
    assert pods(later) == pods(begun)
    (said,) = of_runtime(later)
    assert "cosmos3 has meant vllm-omni 0.25.0" in said
    assert "now means vllm-omni 0.29.0" in said


def test_an_image_of_ones_own_is_driven_as_before() -> None:
    begun = plan(load(), runtime=OWN)
    assert begun.runtime.own_build
    later = plan(LATER, specs.live(begun), runtime=OWN)
    assert pods(later) == pods(begun)
    (said,) = of_runtime(later)
    assert "it is driven as vllm-omni 0.25.0" in said
    assert "driven as vllm-omni 0.30.0" in of_runtime(plan(LATER, runtime=OWN))[0]


def test_an_image_that_becomes_known_as_another_version_is_driven_as_before() -> None:
    asked = {"image": "mirror.example.com/vllm/vllm-omni:v0.30.0"}
    begun = plan(catalogs.without(load(), NEXT), runtime=asked)
    assert begun.runtime.own_build
    later = plan(load(), specs.live(begun), runtime=asked)
    assert pods(later) == pods(begun)
    (said,) = of_runtime(later)
    assert "now known to hold vllm-omni 0.30.0" in said


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 3},
        {"service": {"port": 80}},
        {"pod": {"env": [{"name": "A", "value": "b"}]}},
        {"guardrails": {"mode": "Disabled"}},
        {"extraArgs": ["--enforce-eager"]},
        {"gpu": {"products": ["NVIDIA-H200"]}},
        {"parallelism": {"tensor": 2}},
    ],
)
def test_what_is_not_the_question_does_not_move_the_runtime(change: dict[str, Any]) -> None:
    begun = plan(load())
    later = plan(LATER, specs.live(begun), **change)
    assert later.runtime.image == begun.runtime.image


@pytest.mark.parametrize(
    "change",
    [
        {"model": specs.SUPER},
        {"runtime": {"cuda": "13"}},
        {"runtime": {"version": "0.30.0"}},
        {"runtime": {"image": "vllm/vllm-omni:v0.30.0"}},
    ],
)
def test_another_question_is_decided_anew(change: dict[str, Any]) -> None:
    begun = plan(load())
    later = plan(LATER, specs.live(begun), **change)
    assert later.runtime.label == "vllm-omni 0.30.0"


@pytest.mark.parametrize("note", ["", "12", "{}", "[]", '{"question": 1}', '{"question": {}}'])
def test_what_is_no_note_decides_nothing(note: str) -> None:
    begun = plan(load())
    live = replace(specs.live(begun), note=note)
    assert plan(LATER, live).runtime.label == "vllm-omni 0.30.0"


def test_a_note_with_a_part_of_another_type_is_none() -> None:
    noted = json.loads(plan(load()).runtime.note)
    note = read(json.dumps(noted))
    assert note is not None
    assert read(json.dumps(noted | {"of a later release": 1})) == note
    for name in ("engine", "version", "image", "cuda", "pods"):
        assert read(json.dumps({**noted, name: 5})) is None


# What the catalog holds against it.

GUARDED = "guardrails=Enabled"


def test_a_bug_that_is_found_later_does_not_stop_what_has_served() -> None:
    begun = plan(load())
    catalog = catalogs.with_bug(LATER, OMNI, setting=GUARDED)
    with pytest.raises(Invalid, match="cannot start with guardrails"):
        plan(catalog, runtime={"version": "cosmos3"})
    later = plan(catalog, specs.live(begun))
    assert pods(later) == pods(begun)
    assert any("It has served so, and is kept" in warning for warning in later.warnings)


def test_nor_does_it_refuse_a_version_that_the_user_named_and_that_has_served() -> None:
    runtime = {"version": "cosmos3"}
    begun = plan(load(), runtime=runtime)
    catalog = catalogs.with_bug(load(), OMNI, setting=GUARDED)
    assert pods(plan(catalog, specs.live(begun), runtime=runtime)) == pods(begun)


def test_what_never_served_is_decided_anew_once_it_is_known_to_fail() -> None:
    never = specs.live(plan(load()), has_served=False)
    assert plan(LATER, never).runtime.label == "vllm-omni 0.25.0"
    catalog = catalogs.with_bug(LATER, OMNI, setting=GUARDED)
    assert plan(catalog, never).runtime.label == "vllm-omni 0.30.0"


def test_what_the_user_changes_to_something_impossible_is_decided_anew() -> None:
    """The pods restart for that change anyhow."""
    unguarded = plan(load(), guardrails={"mode": "Disabled"})
    catalog = catalogs.with_bug(LATER, OMNI, setting=GUARDED)
    assert plan(catalog, specs.live(unguarded)).runtime.label == "vllm-omni 0.30.0"
    offloading = {"guardrails": {"offloadModels": True}}
    moved = plan(LATER, specs.live(plan(load())), **offloading)
    assert moved.runtime.label == "vllm-omni 0.30.0"
    with pytest.raises(Invalid, match="offloadModels"):
        plan(load(), specs.live(plan(load())), **offloading)


def test_arguments_that_have_served_are_not_refused_by_a_better_record() -> None:
    args = {"extraArgs": ["--max-num-seqs", "4"]}
    begun = plan(load(), **args)
    catalog = catalogs.with_bug(load(), OMNI, flag="--max-num-seqs")
    with pytest.raises(Invalid, match="--max-num-seqs 4"):
        plan(catalog, **args)
    later = plan(catalog, specs.live(begun), **args)
    assert pods(later) == pods(begun)
    assert any("it has served so, and is kept" in warning for warning in later.warnings)


def test_a_checkpoint_that_turns_out_to_need_more_goes_on_where_it_has_served() -> None:
    begun = plan(load())
    nano = load().checkpoint(specs.NANO)
    assert nano is not None
    needs = {Surface.GENERATOR: replace(nano.surfaces[Surface.GENERATOR], min_runtime="0.28.0")}
    newer = replace(nano, surfaces={**nano.surfaces, **needs})
    catalog = replace(
        load(), checkpoints=tuple(newer if c is nano else c for c in load().checkpoints)
    )
    later = plan(catalog, specs.live(begun))
    assert pods(later) == pods(begun)
    assert "needs 0.28.0 or newer; it has served so" in of_runtime(later)[0]
    never = specs.live(begun, has_served=False)
    assert version_key(plan(catalog, never).runtime.version) >= (0, 28, 0)


# A runtime that the catalog does not know.

BEFORE = catalogs.without(load(), NEXT)
"""The release before the one that brought 0.30.0."""


def rolled_back(begun: Plan, **more: Any) -> Plan:
    replicas = more.pop("running", 1)
    return plan(BEFORE, specs.live(begun, replicas=replicas), **more)


def test_what_is_not_known_is_left_as_it_is_and_said() -> None:
    begun = plan(LATER)
    back = rolled_back(begun)
    assert not back.runtime.is_known
    assert (back.runtime.label, back.runtime.image) == (begun.runtime.label, begun.runtime.image)
    assert str(back.guardrails) == "Enabled (as the Deployment was made)"
    assert not any(child["kind"] == "ConfigMap" for child in render(back))
    (said,) = back.warnings
    assert "vllm-omni 0.30.0 (vllm/vllm-omni:v0.30.0), which this version of the operator" in said
    assert "spec.runtime.version" in said


def test_a_version_that_is_not_known_any_more_is_no_error_where_it_serves() -> None:
    runtime = {"version": "0.30.0"}
    assert not rolled_back(plan(LATER, runtime=runtime), runtime=runtime).runtime.is_known
    with pytest.raises(Invalid, match="not a catalogued runtime"):
        plan(BEFORE, runtime=runtime)


def test_what_is_not_known_is_decided_anew_where_nothing_is_lost() -> None:
    begun, old = plan(LATER), "vllm-omni 0.25.0"
    assert rolled_back(begun, runtime={"version": "cosmos3"}).runtime.label == old
    assert rolled_back(begun, replicas=0).runtime.label == old
    assert rolled_back(begun, running=0).runtime.label == old
    # The pods restart for this change anyhow.
    assert rolled_back(begun, extraArgs=["--enforce-eager"]).runtime.label == old
    never = specs.live(begun, has_served=False)
    assert plan(BEFORE, never).runtime.label == old
    # But not for this one.
    assert not rolled_back(begun, replicas=2).runtime.is_known


@pytest.mark.parametrize("version", ["0.99.0", "0.1.0", "nonsense"])
def test_figures_of_what_is_not_known_are_those_of_the_nearest(version: str) -> None:
    noted = json.loads(plan(load()).runtime.note) | {"version": version, "name": version}
    live = replace(specs.live(plan(load())), note=json.dumps(noted))
    made = plan(load(), live)
    assert made.runtime.is_known == (version == "nonsense")


# Before there were notes.


def older(made: Plan, cuda_note: str) -> LiveDeployment:
    return replace(specs.live(made), note="", cuda_note=cuda_note)


def test_what_runs_without_a_note_is_taken_for_what_was_decided() -> None:
    begun = plan(load())
    assert pods(plan(LATER, older(begun, "13"))) == pods(begun)
    named = plan(load(), runtime={"version": "0.28.0"})
    kept = plan(LATER, older(named, "13 for 0.28.0"), runtime={"version": "0.28.0"})
    assert pods(kept) == pods(named)


@pytest.mark.parametrize(
    "change", [{"version": "0.30.0"}, {"image": "vllm/vllm-omni:v0.30.0"}, {"cuda": "13"}]
)
def test_but_not_where_the_user_has_since_asked_for_something_else(change: dict[str, str]) -> None:
    live = older(plan(load()), "13")
    assert plan(LATER, live, runtime=change).runtime.label == "vllm-omni 0.30.0"


def test_nor_where_it_is_nothing_that_the_catalog_knows() -> None:
    live = replace(older(plan(load()), "13"), image="registry.example.com/other:1")
    assert plan(LATER, live).runtime.label == "vllm-omni 0.30.0"
    reasoner = plan(load(), None, specs.REASONER)
    assert plan(LATER, older(reasoner, "13")).runtime.label == "vllm-omni 0.30.0"


# Whatever a later release does to what it suggests.


@st.composite
def later_catalogs(draw: st.DrawFn) -> Catalog:
    catalog = load()
    for surface in Surface:
        names = [catalogs.label(r) for r in catalog.runtimes_for(surface) if not r.needs_own_image]
        catalog = catalogs.with_default(catalog, surface, draw(st.sampled_from(names)))
    for runtime in catalog.runtimes:
        if draw(st.booleans()):
            catalog = catalogs.with_digest(catalog, catalogs.label(runtime), OTHER_DIGEST)
    return catalog


@given(asked=specs.ASKED, facts=specs.CLUSTERS, catalog=later_catalogs(), has_served=st.booleans())
def test_no_suggestion_of_a_later_release_restarts_a_pod(
    asked: tuple[str, dict[str, Any]], facts: Facts, catalog: Catalog, *, has_served: bool
) -> None:
    kind, spec = asked
    assume(not specs.refusal(kind, **spec))
    resource = specs.resource(kind, spec)
    begun = make_plan(resource, facts)
    live = specs.live(begun, has_served=has_served)
    later = make_plan(resource, Facts(deployment=live), catalog=catalog)
    assert pods(later) == pods(begun)
    again = make_plan(resource, Facts(deployment=specs.live(later)), catalog=load())
    assert pods(again) == pods(begun)


@given(asked=specs.ASKED)
def test_a_note_reads_as_it_was_written(asked: tuple[str, dict[str, Any]]) -> None:
    kind, spec = asked
    assume(not specs.refusal(kind, **spec))
    resource = specs.resource(kind, spec)
    made = make_plan(resource, Facts())
    note = read(made.runtime.note)
    assert note is not None
    assert str(note) == made.runtime.note
    assert (note.image, note.question) == (made.runtime.image, question_of(resource.spec))
