"""Single decisions of the planner, each by its smallest example."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Runtime, Server, ShutdownTimeout
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.types import CacheKind, Plan, Verdict
from unit.plan import specs

NO_GUARDRAILS = {"mode": "Disabled"}


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        # As published: the fastest layout of eight GPUs, and that of four for throughput.
        (specs.SUPER, {"gpus": 8}, (1, 2, 4, True)),
        (specs.SUPER, {"gpus": 8, "goal": "Latency"}, (1, 2, 4, True)),
        (specs.SUPER, {"gpus": 4, "goal": "Throughput"}, (4, 1, 1, False)),
        (specs.SUPER, {"gpus": 2}, (1, 2, 1, True)),
        (specs.NANO, {"gpus": 2}, (1, 2, 1, False)),
        # By rule, where nothing is published.
        (specs.SUPER, {"gpus": 4}, (1, 2, 2, True)),
        (specs.SUPER, {"gpus": 16, "goal": "Throughput"}, (8, 2, 1, False)),
        (specs.NANO, {"gpus": 4}, (1, 2, 2, False)),
        (specs.NANO, {"gpus": 1}, (1, 1, 1, False)),
        (specs.FOUR_STEP, {"gpus": 8}, (8, 1, 1, False)),
        # As written.
        (specs.SUPER, {"tensor": 4, "cfg": 2}, (4, 2, 1, False)),
        (specs.SUPER, {"cfg": 2}, (1, 2, 1, False)),
        # No degree at all is the catalog's default, also when hsdp is ruled out.
        (specs.SUPER, {}, (4, 1, 1, False)),
        (specs.SUPER, {"hsdp": False}, (4, 1, 1, False)),
        ("someone/fine-tune", {}, (1, 1, 1, False)),
    ],
)
def test_split(model: str, asked: dict[str, Any], expected: tuple[int, int, int, bool]):
    split = specs.generator(model=model, parallelism=asked).gpus
    assert (split.tensor, split.cfg, split.ulysses, split.hsdp) == expected
    assert split.reason


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"guardrails": {"offloadModels": True}}, "spec.guardrails.offloadModels"),
        ({"runtime": {"version": "0.99.0"}}, "spec.runtime.version"),
        ({"runtime": {"image": "vllm/vllm-openai:v0.30.0"}}, "spec.runtime.image"),
        (
            {"runtime": {"version": "0.30.0", "image": "mirror/vllm/vllm-omni:v0.28.0"}},
            "spec.runtime.version",
        ),
        ({"model": "someone/fine-tune", "cache": {"type": "Claim"}}, "spec.cache.size"),
    ],
)
def test_refusals_name_the_field_and_the_way_out(spec: dict[str, Any], path: str):
    found = specs.refusal(specs.GENERATOR, **{"model": specs.NANO, **spec})
    assert list(found) == [path]
    assert any(word in found[path] for word in ("use", "drop", "leave", "write"))


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"runtime": {"version": "0.21.0"}}, "spec.runtime.image"),
        ({"runtime": {"version": "0.33.0", "cuda": "12"}}, "spec.runtime.cuda"),
        ({"runtime": {"image": "vllm/vllm-openai:v0.21.0-cu130"}}, "spec.runtime.image"),
        (
            {"runtime": {"image": "docker.io/vllm/vllm-openai:v0.28.0-x86_64-cu130"}},
            "spec.runtime.image",
        ),
        ({"model": specs.EDGE, "runtime": {"version": "0.23.0"}}, "spec.runtime.version"),
    ],
)
def test_reasoner_refusals(spec: dict[str, Any], path: str):
    assert list(specs.refusal(specs.REASONER, **{"model": specs.NANO, **spec})) == [path]


@pytest.mark.parametrize(
    "image",
    [
        # Before 0.20 there were such tags, and a digest settles what a tag does not.
        "vllm/vllm-openai:v0.19.1-cu130",
        "vllm/vllm-openai:v0.28.0-cu130@sha256:" + "0" * 64,
        "registry.example.com/vllm/vllm-openai:v0.28.0-cu130",
    ],
)
def test_tags_that_may_exist_are_not_refused(image: str):
    assert specs.reasoner(runtime={"image": image}).runtime.image == image


def test_a_mirror_of_a_known_image_is_that_image_and_a_build_of_ones_own_is_not():
    mirror = {"image": "registry.example.com/vllm/vllm-omni:v0.26.0"}
    assert list(specs.refusal(specs.GENERATOR, model=specs.NANO, runtime=mirror)) == [
        "spec.runtime.version"
    ]
    own = {"version": "0.26.0", "image": "registry.example.com/omni:1"}
    assert specs.generator(runtime=own).runtime.own_build
    assert not specs.generator(runtime={"version": "0.28.0"}).runtime.own_build


def test_what_is_assumed_of_an_unknown_image_is_said():
    (said,) = specs.generator(runtime={"image": "registry.example.com/omni:1"}).runtime.assumptions
    assert "obeys --init-timeout" in said
    assert "--no-guardrails switches its guardrails" in said
    (said,) = specs.reasoner(runtime={"image": "registry.example.com/vllm:1"}).runtime.assumptions
    assert "obeys VLLM_ENGINE_READY_TIMEOUT_S" in said
    assert "guardrails" not in said
    assert specs.generator().runtime.assumptions == ()


def test_the_generators_image_serves_a_reasoner_as_plain_vllm():
    plan = specs.reasoner(runtime={"version": "0.25.0"})
    assert plan.runtime.engine == "vllm-omni"
    assert "--init-timeout" not in plan.args
    assert "--shutdown-timeout" in plan.args
    assert "VLLM_ENGINE_READY_TIMEOUT_S" in {var.name for var in plan.env}


def test_how_the_server_is_told_its_time_limits_is_the_catalogs_word():
    told_otherwise = dataclasses.replace(
        load(), runtimes=tuple(map(_told_otherwise, load().runtimes))
    )
    for kind in (specs.GENERATOR, specs.REASONER):
        usual = make_plan(specs.resource(kind, {"model": specs.NANO}), Facts())
        other = make_plan(
            specs.resource(kind, {"model": specs.NANO}), Facts(), catalog=told_otherwise
        )
        for name in ("--init-timeout", "VLLM_ENGINE_READY_TIMEOUT_S"):
            assert told(usual, name) != told(other, name)
        assert "--shutdown-timeout" not in other.args


def _told_otherwise(runtime: Runtime) -> Runtime:
    return dataclasses.replace(
        runtime, serving={surface: _swapped(server) for surface, server in runtime.serving.items()}
    )


def _swapped(server: Server) -> Server:
    names = {"--init-timeout", "VLLM_ENGINE_READY_TIMEOUT_S"}
    (other,) = names - {server.init_timeout}
    ignored = dataclasses.replace(server.shutdown, timeout=ShutdownTimeout.IGNORED)
    return dataclasses.replace(server, init_timeout=other, shutdown=ignored)


def told(plan: Plan, name: str) -> bool:
    return name in plan.args or name in {var.name for var in plan.env}


def test_edge_reasons_on_the_image_that_its_model_card_names():
    # Its version is below the one that knows Edge, yet this build does.
    for spec in ({}, {"runtime": {"version": "cosmos3"}}):
        assert specs.reasoner(model=specs.EDGE, **spec).runtime.name == "cosmos3"


def test_the_same_version_by_image_and_by_name_agree():
    runtime = {"version": "0.28.0", "image": "registry.local/vllm/vllm-omni:v0.28.0"}
    plan = specs.generator(runtime=runtime)
    assert plan.runtime.image == runtime["image"]
    assert plan.runtime.version == "0.28.0"


def test_images_are_exact():
    for spec in ({}, {"runtime": {"version": "0.30.0"}}):
        image = specs.generator(**spec).runtime.image
        assert "@sha256:" in image or image.endswith(":v0.30.0")
    cuda_12 = specs.reasoner(runtime={"version": "0.28.0", "cuda": "12"})
    assert cuda_12.runtime.image == "vllm/vllm-openai:v0.28.0-cu129"
    assert cuda_12.runtime.cuda_pinned


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ({}, False),
        ({"version": "0.21.0", "image": "registry.example.com/plugin:1"}, True),
        ({"mode": "Plugin", "image": "registry.example.com/plugin:1"}, True),
    ],
)
def test_the_override_comes_only_with_the_plugin(runtime: dict[str, str], *, expected: bool):
    assert ("--hf-overrides" in specs.reasoner(runtime=runtime).args) == expected


@pytest.mark.parametrize("version", ["cosmos3", "0.26.0", "0.28.0", "0.30.0"])
def test_guardrails_off_by_what_each_version_obeys(version: str):
    plan = specs.generator(runtime={"version": version}, guardrails=NO_GUARDRAILS)
    by_config = version == "0.30.0"
    assert ("--deploy-config" in plan.args) == by_config
    assert ("--no-guardrails" in plan.args) == (not by_config)
    assert str(plan.guardrails).startswith("Disabled")


def test_guardrails_avoid_xet_on_the_july_image_only_while_they_are_on():
    assert ("HF_HUB_DISABLE_XET", "1") in {(v.name, v.value) for v in specs.generator().env}
    off = specs.generator(guardrails=NO_GUARDRAILS)
    assert "HF_HUB_DISABLE_XET" not in {v.name for v in off.env}


def test_guardrails_add_to_the_download():
    on, off = specs.generator(), specs.generator(guardrails=NO_GUARDRAILS)
    added = on.startup.download_gib - off.startup.download_gib
    assert added == pytest.approx(load().guardrails.download_gib, abs=0.1)
    assert specs.generator(huggingFace={"offline": True}).startup.download_gib == 0
    local = specs.generator(model="/cache/models/mine").startup
    assert local.download_gib == pytest.approx(load().guardrails.download_gib)


def test_measured_memory_counts_before_what_nim_reserves():
    assert specs.generator().memory.peak_gib == 53.5
    assert specs.generator(offload="Layerwise").memory.peak_gib == 24.2
    # Where there is nothing else, NIM's figure is better than none.
    assert specs.generator(model=specs.SUPER, parallelism={"tensor": 1}).memory.peak_gib == 150


@pytest.mark.parametrize(
    ("facts", "gpu", "gpus", "verdict"),
    [
        (Facts(), {}, 8, Verdict.UNKNOWN),
        (specs.CLUSTER, {}, 8, Verdict.FITS),
        (specs.CLUSTER, {}, 16, Verdict.TOO_LARGE),
        (specs.CLUSTER, {"products": ["NVIDIA-L40S"]}, 8, Verdict.TOO_LARGE),
        (specs.CLUSTER, {"minMemory": "80G"}, 8, Verdict.FITS),
        (specs.CLUSTER, {"minMemory": "100G"}, 1, Verdict.NO_MATCH),
        (specs.CLUSTER, {"resourceName": "amd.com/gpu"}, 1, Verdict.NO_MATCH),
        (Facts(nodes=()), {}, 1, Verdict.NO_MATCH),
    ],
)
def test_placement(facts: Facts, gpu: dict[str, Any], gpus: int, verdict: Verdict):
    plan = specs.generator(facts, model=specs.SUPER, gpu=gpu, parallelism={"gpus": gpus})
    assert plan.placement.verdict is verdict
    assert bool(plan.placement.message) == (verdict in (Verdict.TOO_LARGE, Verdict.NO_MATCH))


def test_placement_says_how_many_gpus_are_missing():
    plan = specs.generator(specs.CLUSTER, model=specs.SUPER, parallelism={"gpus": 16})
    assert "8 GPUs short" in plan.placement.message
    assert "2 × 8 NVIDIA-H100-80GB-HBM3, 1 × 4 NVIDIA-L40S" in plan.placement.message


@pytest.mark.parametrize(
    ("resources", "request_", "limit"),
    [
        ({}, "24Gi", None),
        ({"limits": {"memory": "20Gi"}}, "20Gi", "20Gi"),
        ({"requests": {"memory": "30Gi"}}, "30Gi", None),
        ({"requests": {"memory": "30Gi"}, "limits": {"memory": "40Gi"}}, "30Gi", "40Gi"),
    ],
)
def test_host_memory(resources: dict[str, Any], request_: str, limit: str | None):
    plan = specs.generator(pod={"resources": resources})
    assert (plan.memory_request, plan.memory_limit) == (request_, limit)


def test_offload_asks_for_host_memory_and_time():
    plain, offloaded = specs.generator(), specs.generator(offload="Layerwise")
    assert (plain.memory_request, offloaded.memory_request) == ("24Gi", "56Gi")
    assert offloaded.startup.init_seconds == 2 * plain.startup.init_seconds


def test_budgets_say_what_they_are_scaled_from_and_what_was_measured():
    reason = specs.generator(offload="Layerwise").startup.reason
    assert "720 s to load and warm up (2 × 180 s × 2 for offload, the worst case" in reason
    assert "70 s measured on one H200" in reason
    assert "measured" not in specs.generator(parallelism={"tensor": 4}).startup.reason
    assert "a guess" in specs.generator(model="someone/tune").startup.reason


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"offload": "Layerwise"}, "with offload Layerwise; a peak of 50.6 GiB was measured"),
        ({"model": specs.SUPER, "offload": "Layerwise"}, "a peak of 145.6 GiB was measured"),
        ({"model": specs.SUPER}, "sets aside for this checkpoint; not measured"),
        ({"model": "someone/tune"}, "a guess"),
        ({"pod": {"resources": {"requests": {"memory": "30Gi"}}}}, "as spec.pod.resources says"),
    ],
)
def test_host_memory_says_where_it_is_from(spec: dict[str, Any], words: str):
    assert words in specs.generator(**spec).memory_reason


def test_cache_sizes():
    assert specs.generator().cache.size == "60Gi"
    assert specs.generator(cache={"size": "1Ti"}).cache.size == "1Ti"
    assert specs.generator(model="someone/fine-tune").cache.size == ""
    own = specs.generator(cache={"type": "ExistingClaim", "claimName": "weights"}).cache
    assert (own.kind, own.claim_name) == (CacheKind.EXISTING_CLAIM, "weights")


def test_limits_that_were_asked_for_are_kept():
    plan = specs.generator(drainSeconds=100, startupBudgetSeconds=700)
    assert (plan.drain.drain_seconds, plan.startup.budget_seconds) == (100, 700)
    assert specs.value_of(plan, "--init-timeout") == "700"
    reasoner = specs.reasoner(drainSeconds=100)
    assert specs.value_of(reasoner, "--shutdown-timeout") == "100"


def test_ones_own_environment_comes_last_and_once():
    env = specs.generator(pod={"env": [{"name": "DO_NOT_TRACK", "value": "0"}]}).env
    assert [v.value for v in env if v.name == "DO_NOT_TRACK"] == ["0"]
    assert env[-1].name == "DO_NOT_TRACK"


@pytest.mark.parametrize("kind", [specs.GENERATOR, specs.REASONER])
def test_quantization_is_told_to_the_server_and_needs_newer_gpus(kind: str):
    plain, small = specs.plan(kind), specs.plan(kind, quantization="FP8")
    assert specs.value_of(plain, "--quantization") is None
    assert specs.value_of(small, "--quantization") == "fp8"
    assert (plain.gpu_compute_capability, small.gpu_compute_capability) == ("8.0", "8.9")
    unknown = specs.plan(kind, model="someone/tune", quantization="FP8")
    assert unknown.gpu_compute_capability == "8.9"


def test_the_decoder_saves_memory_as_asked():
    for asked, flags in (
        ({}, set()),
        ({"tiling": True}, {"--vae-use-tiling"}),
        ({"slicing": True}, {"--vae-use-slicing"}),
    ):
        args = specs.generator(vae=asked).args
        assert {word for word in args if "--vae" in word} == flags


def test_a_list_of_media_hosts_also_stops_redirects():
    plan = specs.reasoner(allowedMediaDomains=["media.example.com"])
    assert ("VLLM_MEDIA_URL_ALLOW_REDIRECTS", "0") in {(v.name, v.value) for v in plan.env}
    assert specs.value_of(plan, "--allowed-media-domains") == "media.example.com"
