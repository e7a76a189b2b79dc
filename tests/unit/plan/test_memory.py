"""GPU memory: what was measured counts, what was not is estimated openly, and ways out fit."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import MemoryCase, Surface
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.memory import Layout, fit_generator
from cosmos3_operator.plan.types import GpuSplit, Plan
from unit.plan import specs

L40S = {"gpu": {"products": ["NVIDIA-L40S"]}}
OFF: dict[str, Any] = {"guardrails": {"mode": "Disabled"}}
LARGEST = [
    case
    for case in load().memory
    if case.surface is Surface.GENERATOR
    and case.at_rest_gib
    and case.peak_gib
    and case.shape == "720p×189"
    # Of FP8 there is one case, and its share of the weights is taken from it.
    and not case.quantization
]


def gpu_warnings(plan: Plan) -> list[str]:
    return [w for w in plan.warnings if w.startswith(("GPU memory", "gpu:"))]


@pytest.mark.parametrize("case", LARGEST, ids=lambda c: f"{c.family} {c.tensor}{c.cfg}{c.ulysses}")
def test_an_estimate_made_without_a_case_comes_near_what_was_measured(case: MemoryCase):
    catalog = load()
    others = tuple(
        c
        for c in catalog.memory
        if (c.family, c.tensor, c.cfg, c.ulysses, c.hsdp, c.offload, c.quantization)
        != (case.family, case.tensor, case.cfg, case.ulysses, case.hsdp, case.offload,
            case.quantization)
    )  # fmt: skip
    split = GpuSplit(
        tensor=case.tensor, cfg=case.cfg, ulysses=case.ulysses, hsdp=case.hsdp, reason=""
    )
    fit = fit_generator(
        Layout(split=split, offload=case.offload),
        checkpoint=catalog.checkpoint(f"nvidia/Cosmos3-{case.family.title()}"),
        catalog=replace(catalog, memory=others),
    )
    assert fit.estimated
    assert fit.peak_gib == pytest.approx(case.peak_gib, rel=0.2)


def test_an_estimate_shows_its_formula_and_adds_up():
    fit = specs.generator(model=specs.SUPER).memory
    assert fit.reason.startswith("estimated: ")
    assert "120.9 GiB of weights / 4" in fit.reason
    total, beside, work = (
        float(re.search(pattern, fit.reason)[1])  # type: ignore[index]
        for pattern in (r"([\d.]+) GiB per GPU", r"([\d.]+) GiB beside", r"([\d.]+) GiB of work")
    )
    assert total == pytest.approx(120.9 / 4 + beside + work, abs=0.2)


@pytest.mark.parametrize(
    ("model", "spec", "words"),
    [
        (specs.NANO, {"quantization": "FP8", "parallelism": {"tensor": 2}}, "0.53 for FP8"),
        (specs.NANO, {"offload": "Model"}, "at most, as without offload"),
        (specs.NANO, {"offload": "Layerwise", "parallelism": {"tensor": 2}}, "5.8 GiB at rest"),
        (
            specs.SUPER,
            {"offload": "Layerwise", "quantization": "FP8", "parallelism": {"tensor": 1}},
            "peak of 38 GiB",
        ),
        (specs.EDGE, {}, "of work at 480p×189"),
    ],
)
def test_what_an_estimate_is_made_of(model: str, spec: dict[str, Any], words: str):
    assert words in specs.generator(model=model, **spec).memory.reason


def test_more_gpus_and_smaller_weights_never_need_more():
    for model in (specs.NANO, specs.SUPER):
        by_tensor = [
            specs.generator(model=model, parallelism={"tensor": t, "cfg": 2}).memory.needed_gib or 0
            for t in (1, 2, 4, 8)
        ]
        assert by_tensor == sorted(by_tensor, reverse=True)
        wide = {"model": model, "parallelism": {"tensor": 4}}
        plain = specs.generator(**wide).memory.needed_gib or 0
        assert (specs.generator(**wide, quantization="FP8").memory.needed_gib or 0) < plain


def test_a_policy_is_judged_by_the_pictures_that_it_makes():
    assert "480p×189" in specs.generator(model=specs.POLICY).memory.reason


def test_a_gpu_that_is_too_small_is_said_with_ways_out_that_fit():
    (warning,) = gpu_warnings(specs.generator(**OFF, **L40S))
    assert "peak of 53.5 GiB" in warning
    assert "the largest acceptable GPU is NVIDIA-L40S (45.0 GiB)" in warning
    assert "spec.parallelism {tensor: 2} (36.3 GiB)" in warning
    assert "spec.quantization FP8 (37.8 GiB)" in warning
    assert "spec.offload Layerwise (24.2 GiB and 56 GiB of host memory)" in warning
    for spec in (
        {"parallelism": {"tensor": 2}},
        {"quantization": "FP8"},
        {"offload": "Layerwise"},
    ):
        assert gpu_warnings(specs.generator(**OFF, **L40S, **spec)) == []


def test_ways_out_need_no_more_gpus_than_a_node_has_nor_what_it_cannot_compute():
    single = replace(specs.L40S, gpus=1, product="NVIDIA-A100-40GB", memory_mib=40960)
    old = replace(single, compute_capability="8.0")
    (warning,) = gpu_warnings(specs.generator(Facts(nodes=(old,)), **OFF))
    assert "tensor: 2" not in warning
    assert "FP8" not in warning
    assert "spec.offload Layerwise" in warning


def test_where_one_change_is_not_enough_two_are_named():
    (warning,) = gpu_warnings(
        specs.generator(model=specs.SUPER, parallelism={"cfg": 2, "tensor": 1}, **OFF, **L40S)
    )
    assert "spec.offload Layerwise" in warning
    tiny = replace(specs.L40S, memory_mib=24000)
    (warning,) = gpu_warnings(specs.generator(Facts(nodes=(tiny,)), **OFF, model=specs.SUPER))
    assert "Nothing fits it by the same figures" in warning


def test_in_a_mixed_cluster_every_acceptable_gpu_is_judged():
    (warning,) = gpu_warnings(specs.generator(specs.CLUSTER, **OFF))
    assert "may land on NVIDIA-L40S (45.0 GiB), which is too small" in warning
    assert "spec.gpu.minMemory to 54Gi" in warning
    assert "NVIDIA-H100-80GB-HBM3 in spec.gpu.products" in warning
    for gpu in ({"minMemory": "54Gi"}, {"products": ["NVIDIA-H100-80GB-HBM3"]}):
        assert gpu_warnings(specs.generator(specs.CLUSTER, **OFF, gpu=gpu)) == []
    # A replica of eight GPUs cannot land on a node of four.
    wide = {"model": specs.SUPER, "parallelism": {"tensor": 8}}
    assert gpu_warnings(specs.generator(specs.CLUSTER, **OFF, **wide)) == []


def test_a_gpu_that_the_affinity_admits_but_cannot_compute_fp8_is_said():
    a100 = replace(specs.H100, product="NVIDIA-A100-SXM4-80GB", compute_capability="8.0")
    h100 = replace(specs.H100, compute_capability="9.0")
    fp8 = {**OFF, "quantization": "FP8"}
    (warning,) = gpu_warnings(specs.generator(Facts(nodes=(a100, h100)), **fp8))
    assert "NVIDIA-A100-SXM4-80GB (compute capability 8.0)" in warning
    assert "8.9 is needed" in warning
    alone = specs.generator(Facts(nodes=(a100,)), **fp8)
    assert "GPUs too old" in alone.placement.message
    assert gpu_warnings(specs.generator(Facts(nodes=(h100,)), **fp8)) == []
    named = specs.generator(**fp8, gpu={"products": ["NVIDIA-A100-SXM4-80GB"]})
    assert "every acceptable GPU is too old" in gpu_warnings(named)[0]


def test_a_context_that_does_not_fit_the_gpu_is_said_before_vllm_refuses_it():
    (warning,) = gpu_warnings(specs.reasoner(**L40S))
    assert "36.0 GiB for the KV cache of one context of 262144 tokens" in warning
    tokens = int(re.search(r"spec.maxModelLength (\d+)", warning)[1])  # type: ignore[index]
    assert tokens % 1024 == 0
    assert gpu_warnings(specs.reasoner(**L40S, maxModelLength=tokens)) == []
    assert gpu_warnings(specs.reasoner(**L40S, maxModelLength=tokens + 1024)) != []
    assert gpu_warnings(specs.reasoner(**L40S, parallelism={"tensor": 2})) == []


def test_tiling_is_reported_and_not_computed():
    plain, tiled = specs.generator(), specs.generator(vae={"tiling": True})
    assert tiled.memory.peak_gib == plain.memory.peak_gib
    assert "68 %" in tiled.memory.reason
    assert "68 %" not in plain.memory.reason


OWN_BUILD = {"image": "registry.example.com/mine:1"}
"""Whose arguments nobody judges: another build may take the flag without a value."""


@pytest.mark.parametrize(
    ("spec", "share"),
    [
        ({}, 0.92),
        ({"runtime": {"version": "0.19.1", "image": "registry.example.com/plugin:1"}}, 0.9),
        ({"extraArgs": ["--gpu-memory-utilization", "0.8"]}, 0.8),
        ({"extraArgs": ["--gpu_memory_util=0.85"]}, 0.85),
        ({"runtime": OWN_BUILD, "extraArgs": ["--gpu-memory-utilization"]}, 0.92),
    ],
)
def test_a_reasoner_takes_a_part_of_the_gpu(spec: dict[str, Any], share: float):
    assert specs.reasoner(**spec).memory.usable_share == share
