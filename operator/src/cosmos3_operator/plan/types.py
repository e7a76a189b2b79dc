"""The plan: everything that was decided about one resource, as frozen values.

In: nothing. Out: types only. The planner fills them, `manifests` turns them into Kubernetes
objects, `explain` prints them, `status` reports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cosmos3_operator.api.common import Media, NetworkPolicy, Service
from cosmos3_operator.api.pod import Pod
from cosmos3_operator.api.resource import Kind
from cosmos3_operator.catalog.types import PolicyServer
from cosmos3_operator.plan.digest import short_digest

TOKEN = "HF_TOKEN"  # noqa: S105 - the name of a variable
"""The variable that the hub's client reads a token from."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The resource that a plan is for, as its children refer to it."""

    kind: Kind
    namespace: str
    name: str
    uid: str

    @property
    def component(self) -> str:
        """`generator` or `reasoner`: the suffix of child names and the component label."""
        return self.kind.removeprefix("Cosmos").lower()

    @property
    def base(self) -> str:
        """Name of the Deployment and the Service; other children add to it."""
        return f"{self.name}-{self.component}"


@dataclass(frozen=True, kw_only=True)
class GpuSplit:
    """How one replica is split over GPUs."""

    tensor: int = 1
    cfg: int = 1
    ulysses: int = 1
    hsdp: bool = False
    reason: str
    """Why this split, in words for the user."""

    @property
    def degrees(self) -> tuple[int, int, int, bool]:
        """How measured cases name a split: tensor, cfg, ulysses, HSDP."""
        return (self.tensor, self.cfg, self.ulysses, self.hsdp)

    @property
    def world_size(self) -> int:
        """GPUs of one replica. HSDP overlays the other degrees, it does not multiply."""
        return self.tensor * self.cfg * self.ulysses

    @property
    def arithmetic(self) -> str:
        """The split as a product, e.g. `tensor 4 × cfg 2 × ulysses 1 = 8 GPUs`."""
        product = f"tensor {self.tensor}"
        if self.cfg > 1 or self.ulysses > 1:
            product += f" × cfg {self.cfg} × ulysses {self.ulysses}"
        plural = "" if self.world_size == 1 else "s"
        sharded = ", weights sharded over all of them" if self.hsdp else ""
        return f"{product} = {self.world_size} GPU{plural}{sharded}"


@dataclass(frozen=True, kw_only=True)
class RuntimeChoice:
    """The model server that runs, and whose behaviour the plan assumes."""

    name: str
    """Name in the catalog."""
    engine: str
    version: str
    image: str
    pull_policy: str
    cuda: str
    """Major CUDA version of the image, "" if unknown."""
    cuda_pinned: bool
    """Whether the user asked for this CUDA line, so that only labelled nodes will do."""
    cuda_reason: str
    """Why this line, "" if it is not known."""
    cuda_offered: tuple[str, ...]
    """Lines that could be had by spec.runtime.cuda."""
    plugin: bool
    """Whether the Reasoner needs the vllm-cosmos3 plugin's architecture override."""
    note: str
    """The decision, to be kept as an annotation."""
    is_known: bool = True
    """Whether the catalog has it. If not, it runs already, and is left as it is."""
    has_served: bool = False
    """Whether pods of this very spec have served with it."""
    own_build: bool = False
    """The image is not a catalogued one, so that its behaviour is assumed."""
    assumptions: tuple[str, ...] = ()
    """What is taken for granted about the image without having been seen, in words."""
    reason: str

    @property
    def label(self) -> str:
        """What messages call it, e.g. `vllm-omni 0.30.0`."""
        return f"{self.engine} {self.version}"

    @property
    def excuse(self) -> str:
        """Why what the catalog holds against it is a warning; "" where it is a refusal."""
        if self.has_served:
            return "it has served so, and is kept"
        return "spec.runtime.image may differ" if self.own_build else ""


class GuardrailMechanism(StrEnum):
    """What the resolved runtime obeys."""

    FLAG = "Flag"
    """`--no-guardrails` for off; on is the server's default."""
    DEPLOY_CONFIG = "DeployConfig"
    """A deploy config that says on or off; the flag would be overruled by it."""
    UNKNOWN = "Unknown"
    """Not known of a runtime that the catalog does not have: what was rendered for it stays."""


@dataclass(frozen=True, kw_only=True)
class GuardrailPlan:
    """Guardrails as they will be in force, and how the server is told."""

    enabled: bool
    offload_models: bool
    mechanism: GuardrailMechanism

    def __str__(self) -> str:
        """Return what status says, e.g. `Disabled (by --no-guardrails)`."""
        if self.mechanism is GuardrailMechanism.UNKNOWN:
            how = "as the Deployment was made"
        elif self.mechanism is GuardrailMechanism.DEPLOY_CONFIG:
            how = "by deploy config"
        else:
            how = "the server's default" if self.enabled else "by --no-guardrails"
        return f"{'Enabled' if self.enabled else 'Disabled'} ({how})"


@dataclass(frozen=True, kw_only=True)
class DeployConfig:
    """The deploy-config file of vLLM-Omni, before it is rendered as text."""

    pipeline: str
    guardrails: bool
    offload_guardrail_models: bool
    policy: PolicyServer | None = None
    """What a robot policy announces on its websocket; None if it is none."""


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """One key of one Secret."""

    name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class EnvVar:
    """One variable: a literal value, or a key of a Secret or ConfigMap."""

    name: str
    value: str | None = None
    secret: SecretKey | None = None
    config_map: SecretKey | None = None


@dataclass(frozen=True, kw_only=True)
class HubRepository:
    """One repository of the Hugging Face hub, and the revision of it if one was named."""

    name: str
    revision: str = ""

    def __str__(self) -> str:
        """Return it as one word, e.g. `nvidia/Cosmos3-Nano@main`."""
        return f"{self.name}@{self.revision}" if self.revision else self.name


@dataclass(frozen=True, kw_only=True)
class AccessPlan:
    """What the hub is asked before a GPU is taken."""

    required: bool
    """Whether the Deployment waits until access was granted."""
    repositories: tuple[HubRepository, ...]
    env: tuple[EnvVar, ...]
    """What the hub's client goes by: the token, and the user's own variables."""
    image: str
    """Image of the Job that asks; "" if the operator has none, then nobody does."""

    @property
    def token(self) -> SecretKey | None:
        """Where the token is kept, None if there is none."""
        return next((var.secret for var in self.env if var.name == TOKEN), None)

    @property
    def fingerprint(self) -> str:
        """Tells whether two plans ask the same, whoever does the asking."""
        return short_digest(repr((self.repositories, self.env)))


class CacheKind(StrEnum):
    """Where weights are kept."""

    EMPTY_DIR = "EmptyDir"
    CLAIM = "Claim"
    EXISTING_CLAIM = "ExistingClaim"


@dataclass(frozen=True, kw_only=True)
class CachePlan:
    """The volume at /cache."""

    kind: CacheKind
    size: str
    """Quantity: emptyDir limit or claim request."""
    claim_name: str
    """"" for an emptyDir."""
    storage_class_name: str | None
    access_mode: str
    retain: bool


@dataclass(frozen=True, kw_only=True)
class StartupPlan:
    """How long a pod may take to become healthy, and how that adds up. Seconds and GiB."""

    budget_seconds: int
    download_gib: float
    download_seconds: int
    init_seconds: int
    server_timeout_seconds: int
    """What the server itself is told to wait at most."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class DrainPlan:
    """How a pod stops. Seconds."""

    drain_seconds: int
    """How long it waits for running work."""
    grace_seconds: int
    """terminationGracePeriodSeconds: the drain and the time to exit."""
    gauges: str
    """Beginning of the metrics that count running and waiting requests; "" if they do not follow
    arrivals, so that nothing can be waited for by them."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class DeviceCheck:
    """The look at the GPUs before the server starts: what is not said elsewhere in the plan."""

    cuda: str
    """Major CUDA version of the image, where torch in it does not tell; "" if it is a guess."""
    min_compute_capability: str
    """e.g. 8.0; "" if not known."""


@dataclass(frozen=True, kw_only=True)
class MemoryFit:
    """GPU memory that one GPU needs, and where the figure is from."""

    peak_gib: float | None
    """None when nothing comparable was measured."""
    resident_gib: float | None = None
    """What weights and a Reasoner's KV cache take, where no peak is known; None if not known."""
    estimated: bool = False
    """Whether the peak was computed from comparable layouts instead of measured."""
    usable_share: float = 1.0
    """The part of a GPU's memory that the server takes."""
    reason: str

    @property
    def needed_gib(self) -> float | None:
        """What one GPU must have to give, None if it is not known."""
        return self.peak_gib or self.resident_gib


class Verdict(StrEnum):
    """Whether any node can hold one replica."""

    FITS = "Fits"
    TOO_LARGE = "TooLarge"
    """More GPUs than any matching node has."""
    NO_MATCH = "NoMatch"
    """No node has GPUs of the wanted kind."""
    UNKNOWN = "Unknown"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What the cluster's nodes say about one replica."""

    verdict: Verdict
    message: str
    """In words, with figures; "" when it fits or nothing is known."""
    left_out: str = ""
    """Nodes of the wanted kind that are too old, where others are not; "" if there are none."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that was decided about one resource."""

    owner: Owner
    generation: int
    model: str
    served_model_name: str
    checkpoint: str | None
    """Title of the catalogued checkpoint, None for any other model."""
    replicas: int
    gpus: GpuSplit
    gpu_resource: str
    gpu_products: tuple[str, ...]
    gpu_min_memory_mib: int
    """0 if any memory will do."""
    gpu_compute_capability: str
    """Lowest CUDA compute capability that works, e.g. 8.0; "" if not known."""
    runtime: RuntimeChoice
    args: tuple[str, ...]
    env: tuple[EnvVar, ...]
    guardrails: GuardrailPlan | None
    deploy_config: DeployConfig | None
    access: AccessPlan | None
    cache: CachePlan
    shm_gib: int
    memory_request: str
    """Quantity of host memory."""
    memory_limit: str | None
    memory_reason: str
    """Where the request of host memory is from."""
    startup: StartupPlan
    drain: DrainPlan
    memory: MemoryFit
    placement: Placement
    devices: DeviceCheck | None
    """None if the pod does not look at its GPUs first."""
    max_surge: int
    media: Media | None
    service: Service
    network: NetworkPolicy
    pod: Pod
    warnings: tuple[str, ...]

    @property
    def endpoint(self) -> str:
        """The URL of the API within the cluster."""
        return f"http://{self._host}"

    @property
    def robot_endpoint(self) -> str | None:
        """The URL of the OpenPI websocket, None where the server has none."""
        if self.deploy_config is None or self.deploy_config.policy is None:
            return None
        return f"ws://{self._host}/v1/realtime/robot/openpi"

    @property
    def _host(self) -> str:
        return f"{self.owner.base}.{self.owner.namespace}.svc:{self.service.port}"
