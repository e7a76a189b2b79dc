"""The planner: one resource and facts in, one plan out.

Pure: no clock, no environment, no network. Raises Invalid where the catalog shows that the spec
cannot be served; everything that is merely doubtful becomes a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosmos3_operator.api.generator import CosmosGeneratorSpec
from cosmos3_operator.api.quantity import parse_quantity
from cosmos3_operator.api.reasoner import CosmosReasonerSpec
from cosmos3_operator.api.resource import Resource
from cosmos3_operator.catalog.load import Catalog, load
from cosmos3_operator.catalog.types import Checkpoint, Runtime, Surface, SurfaceFacts
from cosmos3_operator.plan.arguments import generator_arguments, reasoner_arguments
from cosmos3_operator.plan.environment import generator_environment, reasoner_environment
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.gpus import split_generator, split_reasoner
from cosmos3_operator.plan.guardrails import plan_deploy_config, plan_guardrails
from cosmos3_operator.plan.memory import fit_memory
from cosmos3_operator.plan.placement import place
from cosmos3_operator.plan.runtime import choose_runtime
from cosmos3_operator.plan.startup import plan_drain, plan_startup
from cosmos3_operator.plan.storage import host_memory_gib, plan_cache, plan_memory, shm_gib
from cosmos3_operator.plan.types import (
    DrainPlan,
    EnvVar,
    GpuSplit,
    GuardrailPlan,
    Owner,
    Plan,
    RuntimeChoice,
    StartupPlan,
)
from cosmos3_operator.plan.warnings import Decided, warnings_of


@dataclass(frozen=True, kw_only=True)
class _Surface:
    """What the two surfaces decide differently."""

    split: GpuSplit
    guardrails: GuardrailPlan | None
    offload: str
    startup: StartupPlan
    args: tuple[str, ...]
    env: tuple[EnvVar, ...]


@dataclass(frozen=True, kw_only=True)
class _Basis:
    """What both surfaces decide from."""

    catalog: Catalog
    checkpoint: Checkpoint | None
    facts: SurfaceFacts | None
    runtime: Runtime
    choice: RuntimeChoice
    drain: DrainPlan


def make_plan(resource: Resource, facts: Facts, *, catalog: Catalog | None = None) -> Plan:
    """Return everything that is decided about a resource.

    Raises Invalid, with field paths, when the spec cannot be served.
    """
    catalog = catalog or load()
    spec = resource.spec
    owner = Owner(
        kind=resource.kind, namespace=resource.namespace, name=resource.name, uid=resource.uid
    )
    surface = Surface.GENERATOR if isinstance(spec, CosmosGeneratorSpec) else Surface.REASONER
    checkpoint = catalog.checkpoint(spec.model)
    surface_facts = checkpoint.surfaces[surface] if checkpoint else None
    runtime, choice, runtime_warnings = choose_runtime(
        spec.runtime, surface=surface, checkpoint=checkpoint, catalog=catalog
    )
    basis = _Basis(
        catalog=catalog,
        checkpoint=checkpoint,
        facts=surface_facts,
        runtime=runtime,
        choice=choice,
        drain=plan_drain(spec, facts=surface_facts),
    )
    decided = (
        _generator(spec, basis) if isinstance(spec, CosmosGeneratorSpec) else _reasoner(spec, basis)
    )
    min_memory_mib = _mib(spec.gpu.min_memory)
    fit = fit_memory(
        decided.split,
        offload=decided.offload,
        surface=surface,
        checkpoint=checkpoint,
        catalog=catalog,
    )
    cache = plan_cache(
        spec,
        owner=owner,
        checkpoint=checkpoint,
        guardrails_gib=_guardrails_gib(decided.guardrails, catalog),
        facts=facts,
    )
    shm = shm_gib(surface_facts)
    offloads = decided.offload != "None"
    memory_request, memory_limit = plan_memory(spec, facts=surface_facts, offload=offloads)
    return Plan(
        owner=owner,
        generation=resource.generation,
        model=spec.model,
        served_model_name=spec.served_model_name or spec.model,
        checkpoint=checkpoint.title if checkpoint else None,
        replicas=spec.replicas,
        gpus=decided.split,
        gpu_resource=spec.gpu.resource_name,
        gpu_products=spec.gpu.products,
        gpu_min_memory_mib=min_memory_mib,
        runtime=choice,
        args=decided.args,
        env=decided.env,
        guardrails=decided.guardrails,
        deploy_config=plan_deploy_config(decided.guardrails, runtime=runtime)
        if decided.guardrails
        else None,
        cache=cache,
        shm_gib=shm,
        memory_request=memory_request,
        memory_limit=memory_limit,
        startup=decided.startup,
        drain=basis.drain,
        memory=fit,
        placement=place(
            decided.split.world_size,
            resource=spec.gpu.resource_name,
            products=spec.gpu.products,
            min_memory_mib=min_memory_mib,
            facts=facts,
        ),
        max_surge=spec.rollout.max_surge,
        media=spec.media,
        service=spec.service,
        network=spec.network_policy,
        pod=spec.pod,
        warnings=(
            *runtime_warnings,
            *warnings_of(
                spec,
                Decided(
                    catalog=catalog,
                    facts=facts,
                    checkpoint=checkpoint,
                    runtime=runtime,
                    split=decided.split,
                    fit=fit,
                    cache=cache,
                    download_gib=decided.startup.download_gib if checkpoint else 0.0,
                    shm_gib=shm,
                    host_memory_gib=host_memory_gib(surface_facts, offload=offloads),
                ),
            ),
        ),
    )


def _generator(spec: CosmosGeneratorSpec, basis: _Basis) -> _Surface:
    split = split_generator(
        spec.parallelism,
        products=spec.gpu.products,
        checkpoint=basis.checkpoint,
        catalog=basis.catalog,
    )
    guardrails = plan_guardrails(
        spec.guardrails, runtime=basis.runtime, own_image=spec.runtime.image is not None
    )
    startup = plan_startup(
        spec,
        checkpoint=basis.checkpoint,
        facts=basis.facts,
        guardrails_gib=_guardrails_gib(guardrails, basis.catalog),
        offload=spec.offload != "None",
    )
    return _Surface(
        split=split,
        guardrails=guardrails,
        offload=spec.offload,
        startup=startup,
        args=generator_arguments(
            spec, split=split, guardrails=guardrails, startup=startup, runtime=basis.runtime
        ),
        env=generator_environment(
            spec, runtime=basis.runtime, guardrails=guardrails, drain=basis.drain
        ),
    )


def _reasoner(spec: CosmosReasonerSpec, basis: _Basis) -> _Surface:
    split = split_reasoner(spec.parallelism, checkpoint=basis.checkpoint)
    startup = plan_startup(
        spec, checkpoint=basis.checkpoint, facts=basis.facts, guardrails_gib=0.0, offload=False
    )
    return _Surface(
        split=split,
        guardrails=None,
        offload="None",
        startup=startup,
        args=reasoner_arguments(
            spec,
            split=split,
            drain=basis.drain,
            plugin=basis.choice.plugin,
            runtime=basis.runtime,
        ),
        env=reasoner_environment(spec, runtime=basis.runtime, startup=startup),
    )


def _guardrails_gib(guardrails: GuardrailPlan | None, catalog: Catalog) -> float:
    return catalog.guardrails.download_gib if guardrails and guardrails.enabled else 0.0


def _mib(quantity: int | str | None) -> int:
    return 0 if quantity is None else int(parse_quantity(quantity) / 2**20)
