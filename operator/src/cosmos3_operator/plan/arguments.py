"""The words after `vllm serve`.

In: the spec and what was decided. Out: arguments in a stable order, the user's own last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from cosmos3_operator.api.common import Media
from cosmos3_operator.api.generator import CosmosGeneratorSpec, Vae
from cosmos3_operator.api.reasoner import CosmosReasonerSpec
from cosmos3_operator.catalog.types import Runtime, Server, ShutdownTimeout, Surface
from cosmos3_operator.plan.paths import DEPLOY_CONFIG_DIR, DEPLOY_CONFIG_FILE, PORT
from cosmos3_operator.plan.types import (
    DrainPlan,
    GpuSplit,
    GuardrailMechanism,
    GuardrailPlan,
    StartupPlan,
)

PIPELINE_CLASS = "Cosmos3OmniDiffusersPipeline"
"""vLLM-Omni's class for every Cosmos 3 Generator checkpoint."""

PLUGIN_OVERRIDE = {"architectures": ["Cosmos3ReasonerForConditionalGeneration"]}
"""What the vllm-cosmos3 plugin registers; a native vLLM refuses to start with it."""


def generator_arguments(
    spec: CosmosGeneratorSpec,
    *,
    split: GpuSplit,
    guardrails: GuardrailPlan,
    startup: StartupPlan,
    runtime: Runtime,
) -> tuple[str, ...]:
    """Return the arguments of vLLM-Omni."""
    return (
        spec.model,
        "--omni",
        *("--model-class-name", PIPELINE_CLASS),
        *("--port", str(PORT)),
        *_served_name(spec.served_model_name),
        *_init_timeout(runtime.serving[Surface.GENERATOR], startup),
        *_degrees(split),
        *_offload(spec.offload),
        *_quantization(spec.quantization),
        *_vae(spec.vae),
        *_guardrails(guardrails),
        *_local_media(spec.media),
        *runtime.args,
        *spec.extra_args,
    )


def reasoner_arguments(
    spec: CosmosReasonerSpec,
    *,
    split: GpuSplit,
    drain: DrainPlan,
    startup: StartupPlan,
    plugin: bool,
    runtime: Runtime,
) -> tuple[str, ...]:
    """Return the arguments of vLLM."""
    server = runtime.serving[Surface.REASONER]
    return (
        spec.model,
        *("--port", str(PORT)),
        *_served_name(spec.served_model_name),
        *_init_timeout(server, startup),
        *_pair("--revision", spec.revision),
        *("--tensor-parallel-size", str(split.tensor)),
        *("--mm-encoder-tp-mode", "data"),
        *_quantization(spec.quantization),
        *_pair("--max-model-len", spec.max_model_length),
        *_video(spec),
        *_local_media(spec.media),
        *_domains(spec.allowed_media_domains),
        *_shutdown_timeout(server, drain),
        *(("--hf-overrides", _json(PLUGIN_OVERRIDE)) if plugin else ()),
        *runtime.args,
        *spec.extra_args,
    )


def _init_timeout(server: Server, startup: StartupPlan) -> tuple[str, ...]:
    told = (server.init_timeout, str(startup.server_timeout_seconds))
    return told if server.is_told_by_flag else ()


def _shutdown_timeout(server: Server, drain: DrainPlan) -> tuple[str, ...]:
    obeyed = server.shutdown.timeout is ShutdownTimeout.OBEYED
    return ("--shutdown-timeout", str(drain.drain_seconds)) if obeyed else ()


def _degrees(split: GpuSplit) -> Iterator[str]:
    yield from ("--tensor-parallel-size", str(split.tensor))
    yield from ("--cfg-parallel-size", str(split.cfg))
    yield from ("--ulysses-degree", str(split.ulysses))
    if split.hsdp:
        yield from ("--use-hsdp", "--hsdp-shard-size", str(split.world_size))


def _offload(mode: str) -> tuple[str, ...]:
    return {
        "None": (),
        "Layerwise": ("--enable-layerwise-offload",),
        "Model": ("--enable-cpu-offload",),
    }[mode]


def _quantization(asked: str) -> tuple[str, ...]:
    return () if asked == "None" else ("--quantization", asked.lower())


def _vae(vae: Vae) -> Iterator[str]:
    if vae.tiling:
        yield "--vae-use-tiling"
    if vae.slicing:
        yield "--vae-use-slicing"


def _guardrails(guardrails: GuardrailPlan) -> tuple[str, ...]:
    if guardrails.mechanism is GuardrailMechanism.DEPLOY_CONFIG:
        return ("--deploy-config", f"{DEPLOY_CONFIG_DIR}/{DEPLOY_CONFIG_FILE}")
    return () if guardrails.enabled else ("--no-guardrails",)


def _served_name(name: str | None) -> tuple[str, ...]:
    return _pair("--served-model-name", name)


def _local_media(media: Media | None) -> tuple[str, ...]:
    return _pair("--allowed-local-media-path", media.mount_path if media else None)


def _domains(domains: tuple[str, ...]) -> tuple[str, ...]:
    return ("--allowed-media-domains", *domains) if domains else ()


def _video(spec: CosmosReasonerSpec) -> tuple[str, ...]:
    options = {"num_frames": spec.video.num_frames, "fps": spec.video.fps}
    chosen = {name: value for name, value in options.items() if value is not None}
    return ("--media-io-kwargs", _json({"video": chosen})) if chosen else ()


def _pair(flag: str, value: object | None) -> tuple[str, ...]:
    return () if value is None else (flag, str(value))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
