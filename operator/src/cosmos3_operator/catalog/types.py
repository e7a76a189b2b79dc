"""The shape of the facts that `catalog/*.yaml` hold.

In: nothing. Out: frozen values that `catalog.load` fills and the rest of the program reads. Each
fact carries the source it was taken from, so that a reader can judge and update it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Surface(StrEnum):
    """One of the two faces of a Cosmos 3 checkpoint."""

    GENERATOR = "Generator"
    REASONER = "Reasoner"


@dataclass(frozen=True, kw_only=True)
class Family:
    """Checkpoints of one size: the numbers that its architecture fixes."""

    name: str
    """nano, super or edge."""
    parameters_billion: float
    layers: int
    attention_heads: int
    kv_heads: int
    """The product of tensor and ulysses must divide this number."""
    head_dim: int
    """Size of one head; with layers and kv_heads it gives the KV cache of a token. 0 if unknown."""
    context_tokens: int
    """Context limit of the Reasoner in the model's own configuration; 0 if unknown."""
    weights_gib: float
    """Weights in bf16, GiB, all towers."""
    source: str


@dataclass(frozen=True, kw_only=True)
class SurfaceFacts:
    """What one checkpoint needs to be served on one surface."""

    default_gpus: int
    """GPUs of one replica when the user does not say."""
    default_tensor: int
    default_cfg: int
    default_ulysses: int
    init_seconds: int
    """From process start to a healthy server, the weights being on local disk: the worst published
    case."""
    min_runtime: str
    """Oldest runtime version that knows the architecture; "" if every catalogued one does."""
    shm_gib: int
    """Size of /dev/shm, GiB."""
    host_memory_gib: int
    """Host RAM to request without offload, GiB."""
    host_memory_offload_gib: int
    """Host RAM to request with layer-wise or model offload, GiB; 0 if not offered."""
    longest_job_seconds: int
    """One generation at the largest default shape on the slowest catalogued GPU; it bounds the
    drain."""
    min_compute_capability: str
    """Lowest CUDA compute capability for bf16, e.g. 8.0."""
    source: str


@dataclass(frozen=True, kw_only=True)
class PolicyServer:
    """What a robot policy tells the robots that connect to it: which input it was trained on."""

    image_resolution: tuple[int, ...]
    """Height and width of each camera image, pixels."""
    n_external_cameras: int
    needs_wrist_camera: bool
    needs_stereo_camera: bool
    needs_session_id: bool
    action_space: str
    format_prompt_as_json: bool
    """Whether the checkpoint was trained on prompts in JSON."""
    source: str


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One published model repository."""

    model: str
    """Hugging Face repository id."""
    family: str
    title: str
    download_gib: float
    """What a cold start downloads, GiB."""
    surfaces: Mapping[Surface, SurfaceFacts]
    distilled: bool = False
    """4-step checkpoints: no classifier-free guidance, so cfg must be 1."""
    modes: tuple[str, ...] = ()
    """What it makes: text2image, text2video, image2video, action, ..."""
    pipeline: str = ""
    """vLLM-Omni deploy pipeline it needs besides the default, e.g. cosmos3_policy."""
    max_lines: int = 0
    """Height of the largest picture that it makes, pixels; 0 if it is not bounded below 720."""
    policy_server: PolicyServer | None = None
    """What its OpenPI websocket announces; None if it has none, or none is published."""
    caveat: str = ""
    """What users of this checkpoint should know beforehand; "" if nothing."""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Guardrails:
    """What the safety checker of the Generator adds while it is on."""

    model: str
    """Gated Hugging Face repository that the token must have access to."""
    repositories: tuple[str, ...]
    """Every repository that they are loaded from, the gated one first."""
    download_gib: float
    """What a cold start downloads besides the checkpoint, GiB."""
    init_seconds: int
    """What it adds to the start, seconds."""
    source: str


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One version of a model server and how to talk to it."""

    name: str
    """What users write in spec.runtime.version."""
    engine: str
    """vllm-omni or vllm."""
    version: str
    """The version that decides behaviour, dotted numbers, e.g. 0.25.0."""
    repository: str
    """Image repository without tag."""
    tag: str
    digest: str
    """sha256:… where a source states it whole; "" otherwise. Never invented."""
    surfaces: tuple[Surface, ...]
    guardrails: str
    """How guardrails are switched: Flag (`--no-guardrails`) or DeployConfig; "" for a Reasoner."""
    reasoner_mode: str
    """Native, Plugin (needs vllm-cosmos3 and --hf-overrides), or "" for a Generator."""
    cuda: str
    """Major CUDA version the image is built for, e.g. "13"."""
    default_for: tuple[Surface, ...]
    env: Mapping[str, str]
    """Environment that avoids known bugs of this image."""
    guardrails_env: Mapping[str, str]
    """The same, only while guardrails are on."""
    cuda_tags: Mapping[str, str]
    """Other image lines: CUDA major → tag."""
    known_bad: Mapping[str, str]
    """Setting → why it fails on this image; e.g. guardrails=Enabled, or cuda=12 for the image of
    that line. A key that begins with `--` is a server argument."""
    source: str
    pipelines: tuple[str, ...] = ()
    """Pipelines that a deploy config of this version may name, the general one first; empty where a
    deploy config must not be written."""
    args: tuple[str, ...] = ()
    """Arguments that avoid known bugs of this version."""
    also_families: tuple[str, ...] = ()
    """Families that this build serves although its version is below their `min_runtime`."""
    gpu_memory_share: float = 0.92
    """The part of a GPU's memory that vLLM takes for a Reasoner: the default of its
    --gpu-memory-utilization (vLLM 0.21 to 0.33, command line run)."""
    needs_own_image: bool = False
    """The catalogued image lacks something, so users must name one of their own."""


@dataclass(frozen=True, kw_only=True)
class MemoryCase:
    """One measured or published memory figure of one GPU."""

    family: str
    surface: Surface
    tensor: int
    cfg: int
    ulysses: int
    hsdp: bool
    offload: str
    """None, Layerwise or Model."""
    at_rest_gib: float
    """Loaded and idle; 0 if the source does not say."""
    peak_gib: float
    """Highest while serving; 0 if the source does not say."""
    shape: str
    """What was being generated, e.g. 720p×189; "" if the source does not say."""
    source: str
    quantization: str = ""
    """e.g. fp8; "" for bf16."""
    ready_seconds: int = 0
    """From process start to a healthy server, weights on local disk; 0 if not measured."""
    host_at_rest_gib: float = 0.0
    """Host RAM of the whole pod, loaded and idle; 0 if not measured."""
    host_peak_gib: float = 0.0
    """Host RAM of the whole pod, highest; 0 if not measured."""


@dataclass(frozen=True, kw_only=True)
class SpeedCase:
    """One measured or published time of one whole generation."""

    family: str
    gpu: str
    gpus: int
    tensor: int
    cfg: int
    ulysses: int
    hsdp: bool
    seconds: float
    shape: str
    goal: str
    """Latency or Throughput: which goal this layout is the published choice for; "" if neither."""
    source: str
    offload: str = "None"
    """None, Layerwise or Model."""
    step_seconds: float = 0.0
    """One denoising step; 0 if the source does not say."""
    derived: bool = False
    """`seconds` was computed from measured parts, not observed as a whole."""


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """A smaller number format for weights, and which GPUs can compute with it."""

    name: str
    """As in spec.quantization, e.g. FP8."""
    min_compute_capability: str
    source: str


@dataclass(frozen=True, kw_only=True)
class VaeTiling:
    """What decoding in tiles is reported to save, and what it costs."""

    peak_reduction_percent: int
    """Of the peak at 720p."""
    extra_time_percent: int
    source: str


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU product as GPU feature discovery labels it."""

    product: str
    memory_mib: int
    compute_capability: str
    source: str


@dataclass(frozen=True, kw_only=True)
class OwnedArgument:
    """A server argument that the operator sets itself: one spelling of it."""

    flag: str
    """With its dashes, e.g. --tensor-parallel-size or -tp."""
    use: str
    """Where the user says it instead, or why it is not offered."""


@dataclass(frozen=True, kw_only=True)
class OwnedEnvironment:
    """An environment variable that the operator sets itself."""

    name: str
    use: str
    """Where the user says it instead, or why it is not offered."""
