"""What holds for every plan, whatever was asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cosmos3_operator.api.resource import Kind
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Surface
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.explain import WIDTH, explain
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.types import GuardrailMechanism, Plan
from unit.plan import specs

SURFACES = [(kind, m) for kind, s in zip(Kind, Surface, strict=True) for m in load().models(s)]

# Flags that every catalogued version of each server knows and obeys, as tried on the real parsers
# and, for vLLM-Omni, on its resolver.
GENERATOR_FLAGS = {
    "--omni", "--model-class-name", "--port", "--served-model-name", "--init-timeout",
    "--tensor-parallel-size", "--cfg-parallel-size", "--ulysses-degree", "--use-hsdp",
    "--hsdp-shard-size", "--enable-layerwise-offload", "--enable-cpu-offload", "--no-guardrails",
    "--quantization", "--vae-use-tiling", "--vae-use-slicing",
    "--deploy-config", "--allowed-local-media-path", "--distributed-executor-backend",
}  # fmt: skip
REASONER_FLAGS = {
    "--port", "--served-model-name", "--revision", "--tensor-parallel-size", "--mm-encoder-tp-mode",
    "--max-model-len", "--media-io-kwargs", "--allowed-local-media-path", "--allowed-media-domains",
    "--shutdown-timeout", "--hf-overrides", "--quantization",
}  # fmt: skip


def gpu_limit(plan: Plan) -> int:
    return int(specs.container_of(plan)["resources"]["limits"][plan.gpu_resource])


def emitted_world_size(plan: Plan) -> int:
    flags = ("--tensor-parallel-size", "--cfg-parallel-size", "--ulysses-degree")
    product = 1
    for flag in flags:
        product *= int(specs.value_of(plan, flag) or 1)
    return product


@given(plan=specs.PLANS)
def test_the_gpu_limit_is_the_world_size_that_the_server_computes(plan: Plan):
    assert gpu_limit(plan) == plan.gpus.world_size == emitted_world_size(plan)
    if plan.gpus.hsdp:
        assert specs.value_of(plan, "--hsdp-shard-size") == str(plan.gpus.world_size)


@given(
    model=st.sampled_from([*load().models(Surface.GENERATOR), "someone/fine-tune"]),
    gpus=st.integers(1, 16),
    goal=st.sampled_from([None, "Latency", "Throughput"]),
)
def test_a_number_of_gpus_gives_exactly_that_number(model: str, gpus: int, goal: str | None):
    asked = {"gpus": gpus} | ({"goal": goal} if goal else {})
    assume(not specs.refusal(specs.GENERATOR, model=model, parallelism=asked))
    plan = specs.generator(model=model, parallelism=asked)
    assert plan.gpus.world_size == gpus
    if load().checkpoint(model):
        assert 8 % (plan.gpus.tensor * plan.gpus.ulysses) == 0


@given(plan=specs.GENERATOR_PLANS)
def test_hsdp_never_meets_tensor_parallel_and_always_has_something_to_shard_over(plan: Plan):
    assert not plan.gpus.hsdp or (plan.gpus.tensor == 1 and plan.gpus.world_size > 1)


@given(plan=specs.GENERATOR_PLANS)
def test_a_4_step_checkpoint_never_splits_guidance(plan: Plan):
    checkpoint = load().checkpoint(plan.model)
    assert plan.gpus.cfg in (1, 2)
    if checkpoint and checkpoint.distilled:
        assert plan.gpus.cfg == 1


@given(plan=specs.PLANS)
def test_time_limits_contain_each_other(plan: Plan):
    startup, drain = plan.startup, plan.drain
    deployment = specs.children(plan)["Deployment"]["spec"]
    probe = specs.container_of(plan)["startupProbe"]
    if not startup.reason.startswith("as spec"):
        assert startup.budget_seconds >= startup.download_seconds + startup.init_seconds
    assert probe["failureThreshold"] * probe["periodSeconds"] >= startup.budget_seconds
    assert drain.grace_seconds > drain.drain_seconds
    assert specs.pod_of(plan)["terminationGracePeriodSeconds"] == drain.grace_seconds
    assert deployment["progressDeadlineSeconds"] > startup.budget_seconds + drain.grace_seconds
    assert startup.server_timeout_seconds <= startup.budget_seconds


@given(plan=specs.PLANS)
def test_flags_are_known_to_the_server_and_given_once(plan: Plan):
    flags = specs.flags_of(plan)
    known = GENERATOR_FLAGS if plan.owner.kind is Kind.GENERATOR else REASONER_FLAGS
    assert len(flags) == len(set(flags))
    assert set(flags) - known <= {"--seed"}
    assert plan.args[0] == plan.model


@given(plan=specs.GENERATOR_PLANS)
def test_guardrails_are_told_in_exactly_one_way(plan: Plan):
    flag, config = "--no-guardrails" in plan.args, "--deploy-config" in plan.args
    assert plan.guardrails is not None
    assert not (flag and config)
    assert config == (plan.guardrails.mechanism is GuardrailMechanism.DEPLOY_CONFIG)
    assert config == (plan.deploy_config is not None) == ("ConfigMap" in specs.children(plan))
    assert flag == (not plan.guardrails.enabled and not config)
    if plan.deploy_config:
        assert plan.deploy_config.guardrails == plan.guardrails.enabled


@given(plan=specs.PLANS)
def test_environment_names_are_unique_and_secrets_only_referred_to(plan: Plan):
    env = specs.container_of(plan)["env"]
    assert len({var["name"] for var in env}) == len(env)
    for var in env:
        if var["name"] in ("HF_TOKEN", "VLLM_API_KEY"):
            assert list(var["valueFrom"]) == ["secretKeyRef"]
            assert "value" not in var
    assert not {"--api-key", "--hf-token"} & set(plan.args)


@given(asked=specs.ASKED, first=specs.CLUSTERS, later=st.lists(specs.CLUSTERS, max_size=3))
def test_a_node_that_comes_or_goes_restarts_nothing(
    asked: tuple[str, dict[str, Any]], first: Facts, later: list[Facts]
):
    kind, spec = asked
    assume(not specs.refusal(kind, **spec))
    resource = specs.resource(kind, spec)
    begun = make_plan(resource, first)
    live = specs.live(begun)
    for facts in later:
        assert render(make_plan(resource, replace(facts, deployment=live))) == render(begun)


@given(asked=specs.ASKED, facts=specs.CLUSTERS, labels=specs.NODE_LABELS)
def test_no_node_that_is_labelled_with_an_older_driver_or_gpu_takes_a_pod(
    asked: tuple[str, dict[str, Any]], facts: Facts, labels: dict[str, str]
):
    kind, spec = asked
    assume(not specs.refusal(kind, **spec))
    plan = make_plan(specs.resource(kind, spec), facts)
    if not specs.admits(plan, labels):
        return
    supported = [int(labels[key]) for key in specs.CUDA_LABELS if key in labels]
    if plan.runtime.cuda and supported:
        assert max(supported) >= int(plan.runtime.cuda)
    assert supported or not plan.runtime.cuda_pinned
    if plan.gpu_compute_capability and "nvidia.com/gpu.compute.major" in labels:
        lowest = int(plan.gpu_compute_capability.partition(".")[0])
        assert int(labels["nvidia.com/gpu.compute.major"]) >= lowest


@given(asked=specs.ASKED, facts=specs.CLUSTERS)
def test_a_node_without_labels_is_ruled_out_only_by_what_the_user_names(
    asked: tuple[str, dict[str, Any]], facts: Facts
):
    kind, spec = asked
    assume(not specs.refusal(kind, **spec))
    plan = make_plan(specs.resource(kind, spec), facts)
    assert specs.admits(plan, {}) or plan.runtime.cuda_pinned or plan.pod.affinity


@given(plan=specs.PLANS)
def test_the_explanation_reads_well(plan: Plan):
    text = explain(plan)
    assert f"= {plan.gpus.world_size} GPU" in text
    assert plan.startup.reason.split()[0] in text
    assert "None" not in text.replace("offload=None", "")
    assert all(line == line.rstrip() for line in text.splitlines())
    # Only words that cannot be broken may be longer: images, and the command to be copied.
    long = [line for line in text.splitlines() if len(line) > WIDTH]
    assert all("/" in line or "{" in line for line in long)


@pytest.mark.parametrize(("kind", "model"), SURFACES)
def test_every_checkpoint_is_served_by_default_with_the_catalogued_gpus(kind: Kind, model: str):
    plan = specs.plan(kind, model=model)
    checkpoint = load().checkpoint(model)
    surface = Surface(kind.removeprefix("Cosmos"))
    assert checkpoint
    assert plan.gpus.world_size == checkpoint.surfaces[surface].default_gpus
    assert "catalog's default" in plan.gpus.reason
    if checkpoint.pipeline and surface is Surface.GENERATOR:
        assert plan.robot_endpoint
        assert plan.runtime.version == "0.30.0"
    else:
        assert plan.runtime.reason == "the catalog's default"
