"""The shape of the facts that `catalog/*.yaml` hold.

In: nothing. Out: frozen values that `catalog.load` fills and the rest of the program reads. Each
fact carries the source it was taken from, so that a reader can judge and update it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class Container:
    """What an image brings by itself. The operator names all of it, since images differ."""

    entrypoint: str
    """What the image runs before its arguments: `vllm serve`, or "" for nothing."""
    user: str
    """Who runs it by default."""
    home: str
    hugging_face_cache: str
    """Where weights land unless HF_HOME says otherwise."""
    source: str


class ShutdownTimeout(StrEnum):
    """What a server makes of `--shutdown-timeout`."""

    OBEYED = "Obeyed"
    IGNORED = "Ignored"
    REFUSED = "Refused"
    """The server stops at start."""


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """What a server says of itself on /metrics."""

    prefix: str
    """How its own metrics begin."""
    live_gauges: bool
    """Whether the gauges of running and waiting requests follow arrivals. If not, they are neither
    a signal to scale by nor one to drain by."""
    flaws: str
    """What else must not be believed; "" if nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Shutdown:
    """What a server does on SIGTERM. Seconds."""

    timeout: ShutdownTimeout
    idle_seconds: int
    """Until an idle server has exited, at most."""
    with_work: str
    """What becomes of running work, in words."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """How a range of versions of one server behaves."""

    init_timeout: str
    """How it is told the longest start-up it may take: a flag, or an environment variable."""
    metrics: Metrics
    shutdown: Shutdown
    source: str

    @property
    def is_told_by_flag(self) -> bool:
        """Whether `init_timeout` is a flag."""
        return self.init_timeout.startswith("--")


@dataclass(frozen=True, kw_only=True)
class KnownBug:
    """One thing that goes wrong on one runtime, and how it does not."""

    when: str
    """The circumstances, in words."""
    what: str
    """What happens."""
    avoided: str
    """What the operator does about it, or what the user should."""
    source: str
    setting: str = ""
    """The setting that brings it about, as `plan` asks for it, e.g. guardrails=Enabled; "" if it
    is none of the spec's own."""
    flag: str = ""
    """The server argument that brings it about; "" if it is none."""
    sound_values: tuple[str, ...] = ()
    """Values of the flag that do no harm."""


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
    digest: str = ""
    """sha256:… where a source states it whole; "" otherwise. Never invented."""
    cuda: str
    """Major CUDA version the image is built for, e.g. "13"."""
    cuda_tags: Mapping[str, str] = field(default_factory=dict)
    """Other image lines: CUDA major → tag."""
    container: Container
    serving: Mapping[Surface, Server]
    """How it behaves on each surface that it has."""
    guardrails: str = ""
    """How guardrails are switched: Flag (`--no-guardrails`) or DeployConfig; "" for a Reasoner."""
    reasoner_mode: str = ""
    """Native, Plugin (needs vllm-cosmos3 and --hf-overrides), or "" for a Generator."""
    pipelines: tuple[str, ...] = ()
    """Pipelines that a deploy config of this version may name, the general one first; empty where a
    deploy config must not be written."""
    default_for: tuple[Surface, ...] = ()
    also_families: tuple[str, ...] = ()
    """Families that this build serves although its version is below their `min_runtime`."""
    gpu_memory_share: float = 0.92
    """The part of a GPU's memory that vLLM takes for a Reasoner: the default of its
    --gpu-memory-utilization (vLLM 0.21 to 0.33, command line run)."""
    needs_own_image: bool = False
    """The catalogued image lacks something, so users must name one of their own."""
    args: tuple[str, ...] = ()
    """Arguments that avoid known bugs of this version."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment that avoids known bugs of this image."""
    guardrails_env: Mapping[str, str] = field(default_factory=dict)
    """The same, only while guardrails are on."""
    known_bugs: tuple[KnownBug, ...] = ()
    flags: Mapping[Surface, tuple[str, ...]] = field(default_factory=dict)
    """Recorded parsers (`catalog/flags/`) by which arguments are judged: its own, or, where it was
    not inspected, those of the versions around it, all of which must agree."""
    source: str

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        """The surfaces that it serves."""
        return tuple(self.serving)

    @property
    def label(self) -> str:
        """What messages call it, e.g. `vllm-omni 0.30.0`."""
        return f"{self.engine} {self.version}"

    def bug(self, setting: str) -> KnownBug | None:
        """Return the known bug that a setting brings about, None if there is none."""
        return next((bug for bug in self.known_bugs if bug.setting == setting), None)


class TagFate(StrEnum):
    """What has become of a kind of image tag."""

    UNPUBLISHED = "Unpublished"
    """Nothing was ever pushed under it."""
    STALE = "Stale"
    """It exists and is no longer updated."""
    MOVES = "Moves"
    """It names another image from time to time."""


@dataclass(frozen=True, kw_only=True)
class TagRule:
    """What is known of the tags of a repository that match a pattern."""

    repository: str
    """Image repository without registry; "" for any."""
    tags: str
    """Which tags, in words."""
    pattern: str
    """The same as a regular expression over the whole tag."""
    fate: TagFate
    instead: str
    """What to write, in words."""
    source: str


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

    @property
    def degrees(self) -> tuple[int, int, int, bool]:
        """How it was split: tensor, cfg, ulysses, HSDP."""
        return (self.tensor, self.cfg, self.ulysses, self.hsdp)


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
