"""The shipped catalog is complete, sourced and consistent with itself."""

import dataclasses
import re
from itertools import chain

import pytest

from cosmos3_operator.catalog.load import load, serves, version_key
from cosmos3_operator.catalog.types import Checkpoint, Runtime, Surface, SurfaceFacts
from cosmos3_operator.plan.startup import EXIT_SECONDS

CATALOG = load()
SERVED = [
    pytest.param(checkpoint, surface, facts, id=f"{checkpoint.model} {surface}")
    for checkpoint in CATALOG.checkpoints
    for surface, facts in checkpoint.surfaces.items()
]
BOTH = {Surface.GENERATOR, Surface.REASONER}


def test_every_entry_has_a_source():
    entries = chain(
        CATALOG.families,
        CATALOG.checkpoints,
        [CATALOG.guardrails],
        CATALOG.runtimes,
        CATALOG.gpus,
        CATALOG.memory,
        CATALOG.speed,
        *(checkpoint.surfaces.values() for checkpoint in CATALOG.checkpoints),
        (c.policy_server for c in CATALOG.checkpoints if c.policy_server),
    )
    for entry in entries:
        assert len(entry.source) > 10, entry


def test_nine_checkpoints_are_known():
    assert len(CATALOG.checkpoints) == 9
    both = {c.model for c in CATALOG.checkpoints if set(c.surfaces) == BOTH}
    assert both == {f"nvidia/Cosmos3-{name}" for name in ("Nano", "Super", "Edge")}
    others = [c for c in CATALOG.checkpoints if c.model not in both]
    assert all(set(c.surfaces) == {Surface.GENERATOR} for c in others)
    assert {c.model for c in CATALOG.checkpoints if c.distilled} == {
        "nvidia/Cosmos3-Super-Text2Image-4Step",
        "nvidia/Cosmos3-Super-Image2Video-4Step",
    }


@pytest.mark.parametrize(("checkpoint", "surface", "facts"), SERVED)
def test_default_layouts_are_legal(checkpoint: Checkpoint, surface: Surface, facts: SurfaceFacts):
    family = CATALOG.family(checkpoint.family)
    split = facts.default_tensor * facts.default_ulysses
    assert family.kv_heads % split == 0
    assert family.attention_heads % split == 0
    assert split * facts.default_cfg == facts.default_gpus
    assert facts.default_cfg in (1, 2)
    if checkpoint.distilled or surface is Surface.REASONER:
        assert facts.default_cfg == 1
    if surface is Surface.REASONER:
        assert facts.default_ulysses == 1


@pytest.mark.parametrize(("checkpoint", "surface", "facts"), SERVED)
def test_every_checkpoint_has_a_default_runtime(
    checkpoint: Checkpoint, surface: Surface, facts: SurfaceFacts
):
    runtime = CATALOG.default_runtime(surface, checkpoint)
    assert serves(runtime, surface, checkpoint)
    assert not runtime.needs_own_image
    assert runtime.bug("guardrails=Enabled") is None


@pytest.mark.parametrize(("checkpoint", "surface", "facts"), SERVED)
def test_sizes_hold_the_weights(checkpoint: Checkpoint, surface: Surface, facts: SurfaceFacts):
    weights = CATALOG.family(checkpoint.family).weights_gib
    assert checkpoint.download_gib >= weights
    assert facts.init_seconds > 0
    assert facts.longest_job_seconds > 0
    if surface is Surface.GENERATOR:
        assert facts.shm_gib == 16
        assert facts.host_memory_offload_gib > weights
    else:
        assert facts.shm_gib >= 2
        assert facts.host_memory_offload_gib == 0


def test_host_memory_covers_what_was_measured():
    for case in CATALOG.memory:
        facts = CATALOG.checkpoint(f"nvidia/Cosmos3-{case.family.title()}").surfaces[case.surface]
        asked = facts.host_memory_gib if case.offload == "None" else facts.host_memory_offload_gib
        assert case.host_peak_gib < asked


def test_digests_are_whole_and_versions_compare():
    for runtime in CATALOG.runtimes:
        assert runtime.digest == "" or re.fullmatch(r"sha256:[0-9a-f]{64}", runtime.digest)
        assert version_key(runtime.version) > (0, 19)
        assert runtime.tag not in ("latest", "nightly")


def test_moving_tags_are_pinned():
    for runtime in CATALOG.runtimes:
        assert bool(runtime.digest) == (runtime.tag == "cosmos3")


@pytest.mark.parametrize("surface", Surface)
def test_one_default_runtime_per_surface(surface: Surface):
    assert len([r for r in CATALOG.runtimes if surface in r.default_for]) == 1


def test_runtimes_say_how_their_surfaces_are_driven():
    for runtime in CATALOG.runtimes:
        generator = Surface.GENERATOR in runtime.surfaces
        reasoner = Surface.REASONER in runtime.surfaces
        assert runtime.guardrails in (("Flag", "DeployConfig") if generator else ("",))
        assert runtime.reasoner_mode in (("Native", "Plugin") if reasoner else ("",))
        assert bool(runtime.pipelines) == (runtime.guardrails == "DeployConfig")
        assert runtime.needs_own_image == (runtime.reasoner_mode == "Plugin")
        assert runtime.cuda not in runtime.cuda_tags
        assert not any("cu130" in tag for tag in runtime.cuda_tags.values())
        assert set(runtime.default_for) <= set(runtime.surfaces)


@pytest.mark.parametrize("runtime", CATALOG.runtimes, ids=lambda r: f"{r.engine} {r.name}")
def test_what_the_operator_adds_avoids_a_known_bug(runtime: Runtime):
    told = " ".join(bug.avoided for bug in runtime.known_bugs)
    assert " ".join(runtime.args) in told
    for name, value in {**runtime.env, **runtime.guardrails_env}.items():
        assert f"{name}={value}" in told
    assert all(bug.when and bug.what and bug.avoided and bug.source for bug in runtime.known_bugs)
    assert len({bug.when for bug in runtime.known_bugs}) == len(runtime.known_bugs)


def test_known_bugs_are_tied_to_settings_that_the_planner_asks_for():
    bugs = [bug for runtime in CATALOG.runtimes for bug in runtime.known_bugs]
    assert {bug.setting for bug in bugs} == {
        *("", "guardrails=Enabled", "guardrails.offloadModels=true", "cuda=12")
    }
    assert all(bool(bug.flag) == bool(bug.sound_values) for bug in bugs)


def test_only_deploy_configs_can_say_what_flags_cannot():
    for runtime in CATALOG.runtimes:
        cannot = runtime.bug("guardrails.offloadModels=true") is not None
        assert cannot == (runtime.guardrails == "Flag")


def test_servers_are_told_their_limits_in_a_way_that_exists():
    for runtime in CATALOG.runtimes:
        for surface, server in runtime.serving.items():
            flag = surface is Surface.GENERATOR
            assert server.init_timeout == (
                "--init-timeout" if flag else "VLLM_ENGINE_READY_TIMEOUT_S"
            )
            assert server.shutdown.idle_seconds < EXIT_SECONDS
            assert server.source
        assert runtime.container.entrypoint == ("vllm serve" if runtime.engine == "vllm" else "")


@pytest.mark.parametrize(
    ("tag", "fates"),
    [
        ("v0.21.0-cu130", ["Unpublished"]),
        ("v0.20.0-x86_64-cu130", ["Unpublished"]),
        ("v0.33.0-cu130-ubuntu2404", ["Unpublished"]),
        ("v0.19.1-cu130", []),
        ("v0.21.0", []),
        ("v0.21.0-cu129", []),
        ("latest-cu130", ["Stale"]),
        ("cu130-nightly-x86_64", ["Stale"]),
        ("nightly-aarch64", ["Moves"]),
        ("latest", ["Moves"]),
        ("", ["Moves"]),
        ("cosmos3", ["Moves"]),
    ],
)
def test_tags(tag: str, fates: list[str]):
    rules = [r for r in CATALOG.tags if r.repository in ("", "vllm/vllm-openai")]
    assert [r.fate for r in rules if re.fullmatch(r.pattern, tag)][:1] == fates
    assert all(rule.instead and rule.source for rule in rules)


def test_benchmarks_are_legal_layouts_of_known_gpus():
    for case in CATALOG.speed:
        assert case.tensor * case.cfg * case.ulysses == case.gpus or case.hsdp
        assert CATALOG.family(case.family).kv_heads % (case.tensor * case.ulysses) == 0
        assert not (case.hsdp and case.tensor > 1)
        assert CATALOG.gpu(case.gpu)
        assert case.seconds > 0
        assert case.goal in ("", "Latency", "Throughput")
        assert case.offload in ("None", "Layerwise", "Model")
    for memory in CATALOG.memory:
        assert memory.at_rest_gib or memory.peak_gib
        assert memory.offload in ("None", "Layerwise", "Model")


def test_gpus_look_like_labels():
    for gpu in CATALOG.gpus:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", gpu.product)
        assert re.fullmatch(r"\d+\.\d", gpu.compute_capability)
        assert 40_000 < gpu.memory_mib < 300_000


@pytest.mark.parametrize("surface", Surface)
def test_owned_arguments_are_flags_once_each(surface: Surface):
    flags = [item.flag for item in CATALOG.owned_arguments(surface)]
    assert len(flags) == len(set(flags))
    assert all(re.fullmatch(r"--[a-z][a-z-]+|-[a-z]+", flag) for flag in flags)
    assert all(item.use for item in CATALOG.owned_arguments(surface))


def test_owned_arguments_follow_the_surface():
    generator, reasoner = (
        {item.flag: item.use for item in CATALOG.owned_arguments(surface)} for surface in Surface
    )
    assert generator["-tp"] == reasoner["-tp"] == "use spec.parallelism.tensor"
    assert generator["--no-guardrails"] == "use spec.guardrails.mode"
    assert "--max-model-len" in reasoner
    assert "--max-model-len" not in generator


def test_owned_environment_covers_secrets_and_caches():
    names = {item.name for item in CATALOG.owned_environment}
    assert {"HF_TOKEN", "VLLM_API_KEY", "HF_HOME", "HOME", "CUDA_VISIBLE_DEVICES"} <= names


def test_the_catalog_is_frozen_and_read_once():
    assert load() is CATALOG
    with pytest.raises(dataclasses.FrozenInstanceError):
        CATALOG.gpus[0].product = "other"  # type: ignore[misc]
