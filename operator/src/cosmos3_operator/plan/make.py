"""The planner: one resource and facts in, one plan out.

Pure: no clock, no environment, no network. Raises Invalid where the catalog shows that the spec
cannot be served; everything that is merely doubtful becomes a warning.
"""

from __future__ import annotations

from dataclasses import replace

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.generator import CosmosGeneratorSpec
from cosmos3_operator.api.quantity import parse_quantity
from cosmos3_operator.api.resource import Resource, Spec
from cosmos3_operator.catalog.load import Catalog, load, version_key
from cosmos3_operator.catalog.types import MemoryCase, Surface, SurfaceFacts
from cosmos3_operator.plan.access import plan_access
from cosmos3_operator.plan.choice import choose_runtime
from cosmos3_operator.plan.cuda import newest_driver
from cosmos3_operator.plan.devices import plan_devices
from cosmos3_operator.plan.earlier import Earlier, earlier
from cosmos3_operator.plan.extra_args import Judge, assumption, check_extra_args
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.fit import acceptable_cards, fit_warnings
from cosmos3_operator.plan.measured import host_memory_case
from cosmos3_operator.plan.placement import Wanted, place
from cosmos3_operator.plan.settings import DEFAULTS, Settings
from cosmos3_operator.plan.startup import plan_drain
from cosmos3_operator.plan.storage import (
    host_memory_gib,
    host_memory_reason,
    plan_cache,
    plan_memory,
    shm_gib,
)
from cosmos3_operator.plan.surfaces import Basis, Decisions, decide, split_of
from cosmos3_operator.plan.types import (
    GuardrailMechanism,
    GuardrailPlan,
    Owner,
    Plan,
    RuntimeChoice,
)
from cosmos3_operator.plan.warnings import Decided, warnings_of


def make_plan(
    resource: Resource,
    facts: Facts,
    *,
    settings: Settings = DEFAULTS,
    catalog: Catalog | None = None,
) -> Plan:
    """Return everything that is decided about a resource.

    Raises Invalid, with field paths, when the spec cannot be served.
    """
    spec, catalog = resource.spec, catalog or load()
    before = earlier(spec, facts.deployment, surface=_surface(spec), catalog=catalog)
    if before is not None:
        try:
            return _plan(resource, *_basis(spec, facts, catalog, before), facts, settings)
        except Invalid:
            # Otherwise the user changed what it cannot do, or it never served: nothing to keep.
            if before.has_served:
                raise
    return _plan(resource, *_basis(spec, facts, catalog, None), facts, settings)


def _surface(spec: Spec) -> Surface:
    return Surface.GENERATOR if isinstance(spec, CosmosGeneratorSpec) else Surface.REASONER


def _basis(
    spec: Spec, facts: Facts, catalog: Catalog, before: Earlier | None
) -> tuple[Basis, tuple[str, ...]]:
    """Look up what the catalog knows; return it with what is doubtful about the runtime."""
    surface = _surface(spec)
    checkpoint = catalog.checkpoint(spec.model)
    known = checkpoint.surfaces[surface] if checkpoint else None
    split = split_of(spec, checkpoint=checkpoint, catalog=catalog)
    wanted = Wanted(
        gpus=split.world_size,
        resource=spec.gpu.resource_name,
        products=spec.gpu.products,
        min_memory_mib=_mib(spec.gpu.min_memory),
        compute_capability=_compute_capability(spec, known, catalog),
    )
    runtime, choice, doubts = choose_runtime(
        spec,
        before,
        surface=surface,
        checkpoint=checkpoint,
        catalog=catalog,
        newest_driver=newest_driver(facts, wanted=wanted),
    )
    judge = Judge(catalog=catalog, surface=surface, runtime=runtime, excuse=choice.excuse)
    taken = choice.assumptions
    if choice.is_known:
        doubts += check_extra_args(spec.extra_args, judge)
        taken += assumption(spec.extra_args, judge)
    basis = Basis(
        catalog=catalog,
        checkpoint=checkpoint,
        facts=known,
        split=split,
        wanted=replace(
            wanted,
            cuda=choice.cuda,
            cuda_pinned=choice.cuda_pinned,
            cuda_offered=choice.cuda_offered,
        ),
        runtime=runtime,
        choice=replace(choice, assumptions=taken),
        drain=plan_drain(spec, facts=known, metrics=runtime.serving[surface].metrics),
    )
    return basis, doubts


def _compute_capability(spec: Spec, facts: SurfaceFacts | None, catalog: Catalog) -> str:
    """Return the lowest compute capability that can serve the spec, "" if it is not known."""
    quantization = catalog.quantization(spec.quantization)
    lowest = (
        facts.min_compute_capability if facts else "",
        quantization.min_compute_capability if quantization else "",
    )
    return max(filter(None, lowest), key=version_key, default="")


def _plan(
    resource: Resource,
    basis: Basis,
    doubts: tuple[str, ...],
    facts: Facts,
    settings: Settings,
) -> Plan:
    """Put everything together. Long because a plan has many parts."""
    spec = resource.spec
    decided = decide(spec, basis)
    owner = Owner(
        kind=resource.kind, namespace=resource.namespace, name=resource.name, uid=resource.uid
    )
    offloads = decided.offload != "None"
    cache = plan_cache(
        spec,
        owner=owner,
        checkpoint=basis.checkpoint,
        guardrails_gib=decided.guardrails_gib,
        facts=facts,
    )
    shm = shm_gib(basis.facts)
    memory_request, memory_limit = plan_memory(spec, facts=basis.facts, offload=offloads)
    warnings = warnings_of(
        spec,
        Decided(
            catalog=basis.catalog,
            checkpoint=basis.checkpoint,
            runtime=basis.runtime,
            choice=basis.choice,
            split=basis.split,
            fit_warnings=tuple(
                fit_warnings(
                    spec,
                    basis,
                    fit=decided.memory,
                    cards=acceptable_cards(facts, wanted=basis.wanted, catalog=basis.catalog),
                )
            ),
            cache=cache,
            serves_robots=bool(decided.deploy_config and decided.deploy_config.policy),
            download_gib=decided.startup.download_gib if basis.checkpoint else 0.0,
            shm_gib=shm,
            host_memory_gib=host_memory_gib(basis.facts, offload=offloads),
        ),
    )
    return Plan(
        owner=owner,
        generation=resource.generation,
        model=spec.model,
        served_model_name=spec.served_model_name or spec.model,
        checkpoint=basis.checkpoint.title if basis.checkpoint else None,
        replicas=spec.replicas,
        gpus=basis.split,
        gpu_resource=spec.gpu.resource_name,
        gpu_products=spec.gpu.products,
        gpu_min_memory_mib=basis.wanted.min_memory_mib,
        gpu_compute_capability=basis.wanted.compute_capability,
        runtime=basis.choice,
        args=decided.args,
        env=decided.env,
        guardrails=_in_force(decided.guardrails, basis.choice),
        deploy_config=decided.deploy_config,
        access=plan_access(
            spec,
            guardrails=decided.guardrails,
            catalog=basis.catalog,
            image=settings.preflight_image,
        ),
        cache=cache,
        shm_gib=shm,
        memory_request=memory_request,
        memory_limit=memory_limit,
        memory_reason=host_memory_reason(
            spec,
            facts=basis.facts,
            offload=decided.offload,
            measured=_measured_host_memory(spec, basis, decided),
        ),
        startup=decided.startup,
        drain=basis.drain,
        memory=decided.memory,
        placement=place(basis.wanted, facts=facts),
        devices=plan_devices(
            spec,
            choice=basis.choice,
            compute_capability=basis.wanted.compute_capability,
        ),
        max_surge=spec.rollout.max_surge,
        media=spec.media,
        service=spec.service,
        network=spec.network_policy,
        pod=spec.pod,
        warnings=(*doubts, *warnings),
    )


def _in_force(guardrails: GuardrailPlan | None, choice: RuntimeChoice) -> GuardrailPlan | None:
    """Return the guardrails as status may tell of them: a mechanism is not guessed."""
    if guardrails is None or choice.is_known:
        return guardrails
    return replace(guardrails, mechanism=GuardrailMechanism.UNKNOWN)


def _measured_host_memory(spec: Spec, basis: Basis, decided: Decisions) -> MemoryCase | None:
    if not isinstance(spec, CosmosGeneratorSpec):
        return None
    return host_memory_case(decided.offload, checkpoint=basis.checkpoint, catalog=basis.catalog)


def _mib(quantity: int | str | None) -> int:
    return 0 if quantity is None else int(parse_quantity(quantity) / 2**20)
