"""What may surprise the user, said before it happens. Warnings never stop anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cosmos3_operator.api.generator import CosmosGeneratorSpec
from cosmos3_operator.api.quantity import parse_quantity
from cosmos3_operator.api.reasoner import CosmosReasonerSpec
from cosmos3_operator.api.resource import Spec
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Checkpoint, Runtime, Surface
from cosmos3_operator.plan.image_tags import tag_warnings
from cosmos3_operator.plan.types import CacheKind, CachePlan, GpuSplit, RuntimeChoice


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What warnings are judged by, besides the spec."""

    catalog: Catalog
    checkpoint: Checkpoint | None
    runtime: Runtime
    choice: RuntimeChoice
    split: GpuSplit
    fit_warnings: tuple[str, ...]
    """What is wrong with the GPUs that a pod may land on."""
    cache: CachePlan
    serves_robots: bool
    """Whether the server has an OpenPI websocket."""
    download_gib: float
    """0 if nothing is downloaded or the size is not known."""
    shm_gib: int
    host_memory_gib: int
    """What the catalog sets aside for the checkpoint; 0 if not known."""


def warnings_of(spec: Spec, decided: Decided) -> Iterator[str]:
    """Yield warnings, most serious first."""
    yield from _known_bugs(spec, decided.runtime, decided.choice)
    if isinstance(spec, CosmosGeneratorSpec):
        yield from _generator(spec, decided)
    else:
        yield from _reasoner(spec, decided.runtime)
    yield from decided.fit_warnings
    yield from _host_memory(spec, decided)
    yield from _cache(spec, decided)
    yield from tag_warnings(spec.runtime.image, decided.catalog)


def _known_bugs(spec: Spec, runtime: Runtime, choice: RuntimeChoice) -> Iterator[str]:
    """Yield what the catalog knows to go wrong with what the spec says."""
    if not isinstance(spec, CosmosGeneratorSpec) or not choice.is_known:
        return
    if bug := runtime.bug(f"guardrails={spec.guardrails.mode}"):
        yield f"guardrails: {runtime.label} is known not to start with them: {bug.what}. " + (
            "It has served so, and is kept: name another one in spec.runtime.version"
            if choice.has_served
            else "Make sure that spec.runtime.image is mended"
        )


def _generator(spec: CosmosGeneratorSpec, decided: Decided) -> Iterator[str]:
    split, checkpoint, hub = decided.split, decided.checkpoint, spec.hugging_face
    if spec.guardrails.mode == "Enabled" and not (hub.token_secret_ref or hub.offline):
        yield (
            f"guardrails: {decided.catalog.guardrails.model} is a gated repository, and without "
            "spec.huggingFace.tokenSecretRef the server stops at start unless the cache holds it "
            "already"
        )
    if spec.offload == "Layerwise" and (split.cfg > 1 or split.ulysses > 1 or split.hsdp):
        yield (
            "offload: Layerwise is documented for one GPU and for tensor parallel; together with "
            "cfg, ulysses or hsdp nobody has published a run"
        )
    if spec.quantization != "None" and split.world_size > 1 and not _is_measured(spec, decided):
        yield (
            f"quantization: {spec.quantization} together with {split.arithmetic} is not measured: "
            "figures exist for one GPU only. Try it before you rely on it"
        )
    if spec.replicas > 1 and decided.serves_robots:
        yield (
            "replicas: a robot's session lives in one pod. An open websocket stays on its pod; a "
            "robot that connects again reaches the same pod if it comes from the same address "
            "within a day, and only while that pod is ready. Robots behind one gateway share its "
            "address and so one pod"
        )
    elif spec.replicas > 1:
        yield (
            "replicas: video jobs live in the memory of one pod. Clients are kept on their pod by "
            "address for a day; clients behind one gateway share its address and so one pod"
        )
    if checkpoint and checkpoint.pipeline and not decided.serves_robots:
        runtime = decided.runtime
        yield (
            f"model: {checkpoint.model} answers action requests on /v1/videos only, since "
            f"{runtime.label} has no OpenPI websocket: leave out spec.runtime, "
            "or use a version with the pipeline " + checkpoint.pipeline
        )
    if checkpoint and checkpoint.caveat:
        yield f"model: {checkpoint.model}: {checkpoint.caveat}"


def _is_measured(spec: CosmosGeneratorSpec, decided: Decided) -> bool:
    """Whether anybody has a figure for this split with this quantization."""
    split, checkpoint = decided.split, decided.checkpoint
    return checkpoint is not None and any(
        case.degrees == split.degrees
        for case in decided.catalog.memory_cases(
            checkpoint.family, Surface.GENERATOR, quantization=spec.quantization.lower()
        )
    )


def _reasoner(spec: CosmosReasonerSpec, runtime: Runtime) -> Iterator[str]:
    mode = spec.runtime.mode
    if mode == "Native" and runtime.reasoner_mode == "Plugin":
        yield (
            f"runtime.mode: {runtime.label} knows Cosmos 3 only through the "
            "vllm-cosmos3 plugin and will not start in mode Native: drop the mode"
        )
    if mode == "Plugin" and runtime.reasoner_mode == "Native":
        yield (
            f"runtime.mode: {runtime.label} knows Cosmos 3 by itself and will "
            "not start in mode Plugin unless the image holds the plugin: drop the mode, or say "
            "the image's own version in spec.runtime.version"
        )


def _host_memory(spec: Spec, decided: Decided) -> Iterator[str]:
    limit = _gib(spec.pod.resources.limits.memory)
    if limit is None:
        return
    if limit <= decided.shm_gib:
        yield (
            f"pod.resources.limits.memory: {limit:g} GiB is used up by /dev/shm alone, whose "
            f"{decided.shm_gib} GiB count against it: raise it or leave it out"
        )
    elif limit < decided.host_memory_gib:
        yield (
            f"pod.resources.limits.memory: {limit:g} GiB is less than the "
            f"{decided.host_memory_gib} GiB set aside for this checkpoint by default; the pod may "
            "be killed for memory. Raise it or leave it out"
        )


def _cache(spec: Spec, decided: Decided) -> Iterator[str]:
    cache = decided.cache
    if spec.model.startswith("/") and cache.kind is CacheKind.EMPTY_DIR:
        yield (
            f"model: {spec.model} is a path on the cache, and an EmptyDir begins empty: use "
            "cache.type ExistingClaim with a claim that holds the model"
        )
    size = None if cache.kind is CacheKind.EXISTING_CLAIM else _gib(cache.size or None)
    if size is not None and size < decided.download_gib:
        yield (
            f"cache.size: {cache.size} is less than the {decided.download_gib:.1f} GiB to "
            "download: raise it or leave it out"
        )
    disk = _gib(spec.pod.resources.limits.ephemeral_storage)
    if disk is not None and cache.kind is CacheKind.EMPTY_DIR and disk < decided.download_gib:
        yield (
            f"pod.resources.limits.ephemeral-storage: {disk:g} GiB is less than the "
            f"{decided.download_gib:.1f} GiB that are downloaded onto the node's disk: raise it, "
            "leave it out, or use cache.type Claim"
        )
    if cache.kind is CacheKind.CLAIM and cache.access_mode != "ReadWriteMany":
        if spec.replicas > 1:
            yield (
                f"cache: {spec.replicas} replicas share one {cache.access_mode} claim, so they can "
                "only run where it is attached: use accessMode ReadWriteMany"
            )
        elif spec.rollout.max_surge:
            yield (
                f"rollout.maxSurge: the new pod cannot attach the {cache.access_mode} claim on "
                "another node while the old one holds it: use accessMode ReadWriteMany or "
                "maxSurge 0"
            )


def _gib(quantity: int | str | None) -> float | None:
    return None if quantity is None else float(parse_quantity(quantity) / 2**30)
