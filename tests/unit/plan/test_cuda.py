"""Which CUDA line an image is of, which one Auto takes, and how long it keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cosmos3_operator.plan.facts import Facts, NodeShape
from cosmos3_operator.plan.types import Plan, Verdict
from unit.plan import specs

DEFAULT = "vllm/vllm-openai:cosmos3@sha256:"
NEWEST_12 = "vllm/vllm-openai:v0.28.0-cu129"


def nodes(*cuda: int, gpus: int = 8, product: str = "NVIDIA-H100-80GB-HBM3") -> Facts:
    """Return a cluster with one node for each CUDA major, 0 for a node without labels."""
    shapes = tuple(
        NodeShape(
            resource_name="nvidia.com/gpu",
            gpus=gpus,
            nodes=1,
            product=product if major else "",
            memory_mib=81559 if major else 0,
            cuda_major=major,
            compute_capability="9.0" if major else "",
        )
        for major in cuda
    )
    return Facts(nodes=shapes)


@pytest.mark.parametrize(
    ("facts", "image"),
    [
        (Facts(), DEFAULT),
        (nodes(), DEFAULT),
        (nodes(0), DEFAULT),
        (nodes(13), DEFAULT),
        (nodes(12, 13), DEFAULT),
        # 0.30.0 is newer and has the tag, but is known not to start.
        (nodes(12), NEWEST_12),
        (nodes(12, 0), NEWEST_12),
        (nodes(11), DEFAULT),
    ],
)
def test_auto_takes_the_newest_line_that_a_node_supports(facts: Facts, image: str):
    assert specs.reasoner(facts).runtime.image.startswith(image)


def test_auto_looks_only_at_nodes_that_may_take_the_replica():
    l40s = nodes(13, product="NVIDIA-L40S").nodes or ()
    small = nodes(13, gpus=1).nodes or ()
    facts = Facts(nodes=(*(nodes(12).nodes or ()), *l40s, *small))
    h100 = {"products": ["NVIDIA-H100-80GB-HBM3"]}
    wide = {"tensor": 4}
    assert specs.reasoner(facts, gpu=h100, parallelism=wide).runtime.cuda == "12"
    assert specs.reasoner(facts, gpu=h100).runtime.cuda == "13"
    assert specs.reasoner(facts, parallelism=wide).runtime.cuda == "13"


def test_auto_keeps_to_the_version_that_was_asked_for():
    named = {"version": "0.25.1"}
    assert specs.reasoner(nodes(12), runtime=named).runtime.image.endswith(":v0.25.1-cu129")
    assert specs.reasoner(nodes(13), runtime=named).runtime.image.endswith(":v0.25.1")
    only_13 = specs.reasoner(nodes(12), runtime={"version": "0.33.0"})
    assert only_13.runtime.cuda == "13"
    assert only_13.placement.verdict is Verdict.NO_MATCH
    broken = specs.reasoner(nodes(12), runtime={"version": "0.30.0"})
    assert broken.runtime.image.endswith(":v0.30.0")


@pytest.mark.parametrize(
    ("first", "asked", "later", "then", "cuda"),
    [
        (12, {}, 13, {}, "12"),
        (13, {}, 12, {}, "13"),
        (12, {"version": "0.28.0"}, 13, {"version": "0.28.0"}, "12"),
        # What was decided for another version, or line, is decided anew.
        (12, {}, 13, {"version": "0.28.0"}, "13"),
        (12, {"version": "0.28.0"}, 13, {}, "13"),
        (12, {"version": "0.28.0"}, 12, {"version": "0.33.0"}, "13"),
        (12, {}, 12, {"cuda": "13"}, "13"),
    ],
)
def test_what_was_decided_is_kept_until_the_user_changes_the_question(
    first: int, asked: dict[str, str], later: int, then: dict[str, str], cuda: str
):
    begun = specs.live(specs.reasoner(nodes(first), runtime=asked))
    facts = replace(nodes(later), deployment=begun)
    assert specs.reasoner(facts, runtime=then).runtime.cuda == cuda


@pytest.mark.parametrize(
    ("image", "cuda"),
    [
        ("mirror.example.com/vllm/vllm-openai:v0.28.0-cu129", "12"),
        ("vllm/vllm-openai:v0.28.0-cu129-ubuntu2404", "12"),
        ("vllm/vllm-openai:v0.28.0", "13"),
        ("vllm/vllm-openai:v0.28.0-x86_64", "13"),
        ("vllm/vllm-openai:cosmos3", "13"),
        ("registry.example.com/own:1-cu129", ""),
    ],
)
def test_the_line_of_ones_own_image_is_read_from_a_tag_that_is_known(image: str, cuda: str):
    runtime = specs.reasoner(nodes(12), runtime={"image": image}).runtime
    assert (runtime.cuda, runtime.image) == (cuda, image)


def test_a_line_is_refused_by_name_where_no_image_is_published_for_it():
    found = specs.refusal(specs.GENERATOR, runtime={"cuda": "12"})
    assert "only 13" in found["spec.runtime.cuda"]
    found = specs.refusal(specs.REASONER, runtime={"version": "0.33.0", "cuda": "12"})
    assert "vllm 0.33.0, only 13: choose another version" in found["spec.runtime.cuda"]
    held = {"image": "vllm/vllm-openai:v0.28.0", "cuda": "12"}
    found = specs.refusal(specs.REASONER, runtime=held)
    assert "which is CUDA 13: drop one" in found["spec.runtime.cuda"]


def test_a_named_line_takes_the_newest_runtime_that_has_it():
    assert specs.reasoner(runtime={"cuda": "12"}).runtime.image == NEWEST_12
    assert specs.reasoner(runtime={"cuda": "13"}).runtime.image.startswith(DEFAULT)
    assert specs.generator(runtime={"cuda": "13"}).runtime.cuda_pinned


@pytest.mark.parametrize(
    "runtime",
    [{"version": "0.30.0", "cuda": "12"}, {"image": "mirror/vllm/vllm-openai:v0.30.0-cu129"}],
)
def test_a_named_image_that_is_known_to_fail_is_rendered_with_a_warning(runtime: dict[str, str]):
    plan = specs.reasoner(runtime=runtime)
    assert plan.runtime.image.endswith(":v0.30.0-cu129")
    assert any("torchvision" in warning for warning in plan.warnings)


def words_of(plan: Plan, verdict: Verdict = Verdict.NO_MATCH) -> str:
    assert plan.placement.verdict is verdict
    return plan.placement.message


def test_placement_says_when_drivers_are_the_reason_and_what_to_do():
    words = words_of(specs.generator(nodes(12)))
    assert "driver too old: the image is built for CUDA 13" in words
    assert "1 × 8 NVIDIA-H100-80GB-HBM3 (CUDA 12)" in words
    assert "Update their drivers; no image for an older CUDA is catalogued for it" in words
    kept = replace(nodes(12), deployment=specs.live(specs.reasoner(nodes(13))))
    assert 'set spec.runtime.cuda to "12"' in words_of(specs.reasoner(kept))
    pinned = specs.reasoner(nodes(0), runtime={"cuda": "13"})
    assert "Nodes without the label do not count" in words_of(pinned)


def test_nodes_that_are_left_out_are_named_where_others_do():
    plan = specs.generator(nodes(12, 13))
    assert plan.placement.verdict is Verdict.FITS
    assert plan.placement.left_out == (
        "1 × 8 NVIDIA-H100-80GB-HBM3 (CUDA 12, compute capability 9.0)"
    )


def test_another_version_than_the_default_is_said_where_nobody_asked_for_it():
    def said(plan: Plan) -> list[str]:
        return [w for w in plan.warnings if "instead" in w or "the default, vllm" in w]

    assert (
        "vllm 0.28.0 is the newest with an image for CUDA 12" in said(specs.reasoner(nodes(12)))[0]
    )
    assert said(specs.reasoner(nodes(13))) == []
    assert said(specs.reasoner(nodes(12), runtime={"cuda": "12"})) == []


def test_a_node_without_labels_may_do():
    plan = specs.generator(nodes(12, 0))
    assert plan.placement.verdict is Verdict.FITS


def test_placement_says_when_gpus_are_too_old():
    turing: dict[str, Any] = {"product": "Tesla-T4", "compute_capability": "7.5"}
    (node,) = nodes(13).nodes or ()
    words = words_of(specs.generator(Facts(nodes=(replace(node, **turing),))))
    assert "compute capability 8.0 is needed" in words
    assert "Tesla-T4 (compute capability 7.5)" in words
