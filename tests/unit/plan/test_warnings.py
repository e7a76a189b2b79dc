"""Each warning appears where it should, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.plan.facts import Facts
from unit.plan import specs

OFF: dict[str, Any] = {"guardrails": {"mode": "Disabled"}}
LIMITS = "pod.resources.limits"

CASES: list[tuple[str, dict[str, Any], str]] = [
    (specs.GENERATOR, {}, "gated repository"),
    (
        specs.GENERATOR,
        {
            "runtime": {"version": "0.26.0", "image": "registry.example.com/mended:1"},
            "huggingFace": {"offline": True},
        },
        "guardrails: vllm-omni 0.26.0 is known not to start",
    ),
    (
        specs.GENERATOR,
        {
            **OFF,
            "runtime": {"version": "0.30.0", "image": "registry.example.com/omni:1"},
            "extraArgs": ["--enable_lora"],
        },
        "extraArgs[0]: '--enable_lora' is parsed by vllm-omni 0.30.0",
    ),
    (specs.REASONER, {"runtime": {"version": "0.30.0", "cuda": "12"}}, "torchvision"),
    (
        specs.REASONER,
        {"runtime": {"image": "example.com/vllm/vllm-openai:v0.21.0-cu130", "version": "0.21.0"}},
        "was never published",
    ),
    (
        specs.REASONER,
        {"runtime": {"image": "vllm/vllm-openai:latest-cu130"}},
        "is no longer updated (vllm#42738",
    ),
    (
        specs.GENERATOR,
        {**OFF, "offload": "Layerwise", "parallelism": {"cfg": 2}},
        "nobody has published a run",
    ),
    (specs.GENERATOR, {**OFF, "replicas": 2}, "memory of one pod"),
    (
        specs.GENERATOR,
        {**OFF, "quantization": "FP8", "parallelism": {"tensor": 2}},
        "quantization: FP8 together with tensor 2",
    ),
    (
        specs.GENERATOR,
        {**OFF, "model": specs.POLICY, "runtime": {"version": "0.28.0"}},
        "vllm-omni 0.28.0 has no OpenPI websocket",
    ),
    (specs.GENERATOR, {**OFF, "model": specs.POLICY, "replicas": 2}, "session lives in one pod"),
    (
        specs.GENERATOR,
        {**OFF, "model": "nvidia/Cosmos3-Edge-Policy-DROID"},
        "no deploy config is published",
    ),
    (specs.GENERATOR, {**OFF, "cache": {"size": "20Gi"}}, "cache.size: 20Gi is less"),
    (
        specs.GENERATOR,
        {**OFF, "pod": {"resources": {"limits": {"memory": "16Gi"}}}},
        f"{LIMITS}.memory: 16 GiB is used up by /dev/shm",
    ),
    (
        specs.GENERATOR,
        {**OFF, "offload": "Layerwise", "pod": {"resources": {"limits": {"memory": "40Gi"}}}},
        f"{LIMITS}.memory: 40 GiB is less than the 56 GiB",
    ),
    (
        specs.GENERATOR,
        {**OFF, "pod": {"resources": {"limits": {"ephemeral-storage": "20Gi"}}}},
        f"{LIMITS}.ephemeral-storage",
    ),
    (
        specs.GENERATOR,
        {**OFF, "cache": {"type": "Claim"}, "rollout": {"maxSurge": 1}},
        "rollout.maxSurge",
    ),
    (specs.REASONER, {"model": "/cache/models/mine"}, "an EmptyDir begins empty"),
    (specs.REASONER, {"cache": {"type": "Claim"}, "replicas": 2}, "2 replicas share one"),
    (specs.REASONER, {"runtime": {"image": "registry.example.com/vllm"}}, "moves"),
    (specs.REASONER, {"runtime": {"image": "registry.example.com/vllm:1"}}, "not in the catalog"),
    (specs.REASONER, {"runtime": {"image": "mirror/vllm/vllm-openai:cosmos3"}}, "moves"),
    (
        specs.REASONER,
        {"runtime": {"version": "0.28.0", "mode": "Plugin", "image": "example.com/vllm:1"}},
        "not start in mode Plugin",
    ),
    (
        specs.REASONER,
        {"runtime": {"version": "0.21.0", "mode": "Native", "image": "example.com/vllm:1"}},
        "not start in mode Native",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "words"), CASES)
def test_warns(kind: str, spec: dict[str, Any], words: str):
    warnings = specs.plan(kind, **spec).warnings
    assert len([w for w in warnings if words in w]) == 1, warnings


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (specs.GENERATOR, OFF),
        (specs.GENERATOR, {**OFF, "model": specs.POLICY}),
        (specs.GENERATOR, {**OFF, "quantization": "FP8"}),
        (
            specs.GENERATOR,
            {
                **OFF,
                "model": specs.SUPER,
                "quantization": "FP8",
                "parallelism": {"cfg": 2, "hsdp": True},
            },
        ),
        (specs.GENERATOR, {"huggingFace": {"tokenSecretRef": {"name": "hf-token"}}}),
        (specs.GENERATOR, {"huggingFace": {"offline": True}}),
        (specs.GENERATOR, {**OFF, "offload": "Layerwise", "parallelism": {"tensor": 2}}),
        (specs.GENERATOR, {**OFF, "pod": {"resources": {"limits": {"memory": "24Gi"}}}}),
        (specs.GENERATOR, {**OFF, "extraArgs": ["--enable-lora"]}),
        (specs.REASONER, {"replicas": 4}),
        (specs.REASONER, {"runtime": {"image": "mirror/vllm/vllm-openai:v0.28.0"}}),
        (
            specs.REASONER,
            {"replicas": 2, "cache": {"type": "Claim", "accessMode": "ReadWriteMany"}},
        ),
    ],
)
def test_does_not_warn(kind: str, spec: dict[str, Any]):
    assert specs.plan(kind, Facts(nodes=(specs.H100,)), **spec).warnings == ()
