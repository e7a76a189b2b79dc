"""What a Generator and a Reasoner decide differently: split, memory, arguments, environment.

In: the spec of one kind and the basis that both share. Out: `Decisions`.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosmos3_operator.api.generator import CosmosGeneratorSpec
from cosmos3_operator.api.reasoner import CosmosReasonerSpec
from cosmos3_operator.api.resource import Spec
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Checkpoint, Runtime, SurfaceFacts
from cosmos3_operator.plan.arguments import generator_arguments, reasoner_arguments
from cosmos3_operator.plan.environment import generator_environment, reasoner_environment
from cosmos3_operator.plan.gpus import split_generator, split_reasoner
from cosmos3_operator.plan.guardrails import plan_deploy_config, plan_guardrails
from cosmos3_operator.plan.measured import ready_case
from cosmos3_operator.plan.memory import Layout, fit_generator, fit_reasoner, gpu_memory_share
from cosmos3_operator.plan.placement import Wanted
from cosmos3_operator.plan.startup import plan_startup
from cosmos3_operator.plan.types import (
    DeployConfig,
    DrainPlan,
    EnvVar,
    GpuSplit,
    GuardrailPlan,
    MemoryFit,
    RuntimeChoice,
    StartupPlan,
)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What both surfaces decide from."""

    catalog: Catalog
    checkpoint: Checkpoint | None
    facts: SurfaceFacts | None
    split: GpuSplit
    wanted: Wanted
    runtime: Runtime
    choice: RuntimeChoice
    drain: DrainPlan


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What the surfaces decide differently."""

    memory: MemoryFit
    startup: StartupPlan
    args: tuple[str, ...]
    env: tuple[EnvVar, ...]
    offload: str = "None"
    guardrails: GuardrailPlan | None = None
    guardrails_gib: float = 0.0
    """What the guardrails add to the download."""
    deploy_config: DeployConfig | None = None


def split_of(spec: Spec, *, checkpoint: Checkpoint | None, catalog: Catalog) -> GpuSplit:
    """Return how a replica of either kind is split over GPUs."""
    if isinstance(spec, CosmosGeneratorSpec):
        return split_generator(
            spec.parallelism,
            products=spec.gpu.products,
            checkpoint=checkpoint,
            catalog=catalog,
        )
    return split_reasoner(spec.parallelism, checkpoint=checkpoint)


def decide(spec: Spec, basis: Basis) -> Decisions:
    """Return the decisions for a spec of either kind.

    Raises Invalid when the runtime cannot do what was asked.
    """
    if isinstance(spec, CosmosGeneratorSpec):
        return _generator(spec, basis)
    return _reasoner(spec, basis)


def _generator(spec: CosmosGeneratorSpec, basis: Basis) -> Decisions:
    runtime = basis.runtime
    guardrails = plan_guardrails(
        spec.guardrails, runtime=runtime, excused=bool(basis.choice.excuse)
    )
    guardrails_gib = basis.catalog.guardrails.download_gib if guardrails.enabled else 0.0
    layout = Layout(
        split=basis.split,
        offload=spec.offload,
        quantization=spec.quantization,
        tiling=spec.vae.tiling,
    )
    startup = plan_startup(
        spec,
        checkpoint=basis.checkpoint,
        facts=basis.facts,
        guardrails_gib=guardrails_gib,
        offload=spec.offload != "None",
        measured=ready_case(layout, checkpoint=basis.checkpoint, catalog=basis.catalog),
    )
    return Decisions(
        memory=fit_generator(layout, checkpoint=basis.checkpoint, catalog=basis.catalog),
        startup=startup,
        args=generator_arguments(
            spec, split=basis.split, guardrails=guardrails, startup=startup, runtime=runtime
        ),
        env=generator_environment(
            spec, runtime=runtime, guardrails=guardrails, startup=startup, drain=basis.drain
        ),
        offload=spec.offload,
        guardrails=guardrails,
        guardrails_gib=guardrails_gib,
        deploy_config=plan_deploy_config(guardrails, runtime=runtime, checkpoint=basis.checkpoint),
    )


def _reasoner(spec: CosmosReasonerSpec, basis: Basis) -> Decisions:
    startup = plan_startup(
        spec, checkpoint=basis.checkpoint, facts=basis.facts, guardrails_gib=0.0, offload=False
    )
    return Decisions(
        memory=fit_reasoner(
            basis.split,
            context_tokens=spec.max_model_length,
            quantization=spec.quantization,
            usable_share=gpu_memory_share(spec.extra_args, runtime=basis.runtime),
            checkpoint=basis.checkpoint,
            catalog=basis.catalog,
        ),
        startup=startup,
        args=reasoner_arguments(
            spec,
            split=basis.split,
            drain=basis.drain,
            startup=startup,
            plugin=basis.choice.plugin,
            runtime=basis.runtime,
        ),
        env=reasoner_environment(spec, runtime=basis.runtime, startup=startup),
    )
