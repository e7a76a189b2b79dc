"""The fields that both kinds share, under the same names for the same things."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cosmos3_operator.api.arguments import argument_rules
from cosmos3_operator.api.base import Bool, Model, Str, Whole
from cosmos3_operator.api.fields import (
    MOUNT_ROOTS_IN_USE,
    SUBDOMAIN,
    Annotations,
    Bytes,
    Image,
    IPv4Block,
    KeyName,
    LabelValue,
    MountPath,
    ObjectName,
    QualifiedName,
    reserved_keys,
)
from cosmos3_operator.api.pod import LabelMap, Pod, SecretKeyRef
from cosmos3_operator.api.preflight import OFFLINE_RULE, Preflight
from cosmos3_operator.api.quantity import parse_quantity
from cosmos3_operator.api.rules import Rule, TransitionRule, Values, cel_list, matches
from cosmos3_operator.catalog.types import Surface

_SEGMENT = "[A-Za-z0-9][A-Za-z0-9_]*([.-]{1,2}[A-Za-z0-9_]+)*"

ModelName = Annotated[
    Str,
    Field(max_length=192),
    matches(
        rf"^({_SEGMENT}/{_SEGMENT}|/cache(/[A-Za-z0-9_][A-Za-z0-9._-]*)+)$",
        "a Hugging Face repository id such as nvidia/Cosmos3-Nano, or a path on the cache volume "
        "such as /cache/models/my-cosmos",
    ),
]


class TokenSecretRef(Model):
    """The Secret key that holds a Hugging Face token."""

    name: ObjectName
    """Name of the Secret."""
    key: KeyName = "HF_TOKEN"
    """Key within the Secret."""


class ApiKeySecretRef(Model):
    """The Secret key that holds the API key of the server."""

    name: ObjectName
    """Name of the Secret."""
    key: KeyName = "api-key"
    """Key within the Secret."""


class HuggingFace(Model):
    """Access to the hub that weights and guardrail models come from."""

    token_secret_ref: TokenSecretRef | None = None
    """Token for gated repositories, read by pods only. Cosmos weights and, while guardrails are
    on, nvidia/Cosmos-1.0-Guardrail may need it."""
    offline: Bool = False
    """Never ask the hub: everything must be on the cache volume already."""


class Runtime(Model):
    """Which model server runs: by default the catalog's choice for the checkpoint."""

    version: (
        Annotated[
            Str,
            Field(max_length=32),
            matches("^[A-Za-z0-9._-]+$", "a runtime's name or version such as cosmos3 or 0.30.0"),
        ]
        | None
    ) = None
    """Name or version of a catalogued runtime, e.g. cosmos3 or 0.30.0. Left out, the catalog's
    choice is taken once, and kept also by later releases of the operator."""
    image: Image | None = None
    """Image to run instead of the catalogued one, e.g. from a mirror. Its behaviour is taken from
    version, or from the catalogued image of the same name."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When to pull; IfNotPresent by default."""
    cuda: Literal["Auto", "12", "13"] = "Auto"
    """CUDA line of the image. Auto takes, once, the newest that the nodes' labels say their drivers
    support, and keeps it. "12" and "13" choose the image built for it and keep the pods to nodes
    that are labelled with a driver new enough."""


def _claim_fields(cache: Cache) -> Values | None:
    return {} if cache.type == "ExistingClaim" and cache.claim_name is None else None


def _claim_name_elsewhere(cache: Cache) -> Values | None:
    if cache.claim_name is None or cache.type == "ExistingClaim":
        return None
    return {"type": cache.type}


def _claim_only(cache: Cache) -> Values | None:
    if cache.type == "Claim" or cache.storage_class_name is None:
        return None
    return {"type": cache.type}


def _both_claims(old: Cache, new: Cache) -> bool:
    return old.type == "Claim" and new.type == "Claim"


def _smaller(old: Cache, new: Cache) -> Values | None:
    if not _both_claims(old, new) or old.size is None or new.size is None:
        return None
    shrinks = parse_quantity(new.size) < parse_quantity(old.size)
    return {"old": old.size, "new": new.size} if shrinks else None


def _other_class(old: Cache, new: Cache) -> Values | None:
    if not _both_claims(old, new) or old.storage_class_name == new.storage_class_name:
        return None
    names = (old.storage_class_name, new.storage_class_name)
    return dict(zip(("old", "new"), (name or _NO_CLASS for name in names), strict=True))


def _other_access(old: Cache, new: Cache) -> Values | None:
    if not _both_claims(old, new) or old.access_mode == new.access_mode:
        return None
    return {"old": old.access_mode, "new": new.access_mode}


_NOT_BOTH_CLAIMS = "oldSelf.type != 'Claim' || self.type != 'Claim'"
_NO_CLASS = "(none)"
_OLD_CLASS = f"(has(oldSelf.storageClassName) ? oldSelf.storageClassName : '{_NO_CLASS}')"
_NEW_CLASS = f"(has(self.storageClassName) ? self.storageClassName : '{_NO_CLASS}')"
_START_OVER = (
    "to start over, switch type to EmptyDir and back (a retained claim is yours to delete)"
)


class Cache(Model):
    """Where weights and compile caches are kept; mounted at /cache."""

    type: Literal["EmptyDir", "Claim", "ExistingClaim"] = "EmptyDir"
    """EmptyDir dies with the pod, so each new pod downloads again. Claim makes a
    PersistentVolumeClaim. ExistingClaim uses one of yours, which several resources may share."""
    size: Bytes | None = None
    """Size of the volume; by default what the checkpoint and its guardrails need, from the
    catalog."""
    storage_class_name: ObjectName | None = None
    """StorageClass for type Claim; the cluster's default if left out."""
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"] = "ReadWriteOnce"
    """Access mode for type Claim. More than one replica needs ReadWriteMany."""
    claim_name: ObjectName | None = None
    """Name of the PersistentVolumeClaim for type ExistingClaim."""
    retention: Literal["Delete", "Retain"] = "Delete"
    """Whether the claim of type Claim goes with the resource or stays."""

    rules: ClassVar = (
        Rule(
            cel="self.type != 'ExistingClaim' || has(self.claimName)",
            message="type ExistingClaim needs claimName: name your PersistentVolumeClaim, or use "
            "type Claim to have one made",
            check=_claim_fields,
        ),
        Rule(
            cel="self.type == 'ExistingClaim' || !has(self.claimName)",
            message="claimName belongs to type ExistingClaim, not {type}: set the type or drop the "
            "name",
            values={"type": "self.type"},
            check=_claim_name_elsewhere,
        ),
        Rule(
            cel="self.type == 'Claim' || !has(self.storageClassName)",
            message="storageClassName belongs to type Claim, not {type}: set the type or drop the "
            "class",
            values={"type": "self.type"},
            check=_claim_only,
        ),
    )
    transitions: ClassVar = (
        TransitionRule(
            cel=f"{_NOT_BOTH_CLAIMS} || !has(self.size) || !has(oldSelf.size) || "
            "!isQuantity(self.size) || !isQuantity(oldSelf.size) || "
            "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
            message="the size of a claim cannot shrink from {old} to {new}, since no volume does: "
            f"keep or raise it; {_START_OVER}",
            values={"old": "oldSelf.size", "new": "self.size"},
            check=_smaller,
        ),
        TransitionRule(
            cel=f"{_NOT_BOTH_CLAIMS} || {_OLD_CLASS} == {_NEW_CLASS}",
            message="the storageClassName of a claim cannot change from {old} to {new}: change it "
            f"back; {_START_OVER}",
            values={"old": _OLD_CLASS, "new": _NEW_CLASS},
            check=_other_class,
        ),
        TransitionRule(
            cel=f"{_NOT_BOTH_CLAIMS} || self.accessMode == oldSelf.accessMode",
            message="the accessMode of a claim cannot change from {old} to {new}: change it back; "
            f"{_START_OVER}",
            values={"old": "oldSelf.accessMode", "new": "self.accessMode"},
            check=_other_access,
        ),
    )


def _hides_something(media: Media) -> Values | None:
    path = media.mount_path + "/"
    hidden = any(path.startswith(root + "/") for root in MOUNT_ROOTS_IN_USE)
    return {"path": media.mount_path} if hidden else None


class Media(Model):
    """Local media that requests may name: a claim mounted read-only."""

    claim_name: ObjectName
    """PersistentVolumeClaim with the media files."""
    mount_path: MountPath = "/media"
    """Where it is mounted; becomes --allowed-local-media-path. Never /."""
    sub_path: (
        Annotated[
            Str,
            Field(max_length=256),
            matches(
                "^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$",
                "a relative path within the claim such as datasets/driving",
            ),
        ]
        | None
    ) = None
    """Folder within the claim."""

    rules: ClassVar = (
        Rule(
            cel=f"!{cel_list(list(MOUNT_ROOTS_IN_USE))}.exists(r, "
            "(self.mountPath + '/').startsWith(r + '/'))",
            message="{path} would hide files that the server needs: use a path of its own such as "
            "/media",
            values={"path": "self.mountPath"},
            check=_hides_something,
            path=".mountPath",
        ),
    )


_NATIVE_PREFIXES = ("requests.", "hugepages-", "attachable-volumes-")
"""Beginnings of resource names that Kubernetes keeps for itself."""


def _native_resource(gpu: Gpu) -> Values | None:
    name = gpu.resource_name
    native = "kubernetes.io/" in name or name.startswith(_NATIVE_PREFIXES)
    return {"name": name} if native else None


class Gpu(Model):
    """Which GPUs are asked for; how many follows from spec.parallelism."""

    resource_name: Annotated[
        Str,
        Field(max_length=128),
        matches(
            rf"^{SUBDOMAIN}"
            r"/[A-Za-z0-9]([-A-Za-z0-9_.]{0,60}[A-Za-z0-9])?$",
            "an extended resource such as nvidia.com/gpu",
        ),
    ] = "nvidia.com/gpu"
    """Extended resource of the device plugin."""
    products: Annotated[tuple[LabelValue, ...], Field(max_length=16)] = ()
    """Acceptable products, as GPU feature discovery labels nodes (nvidia.com/gpu.product), e.g.
    NVIDIA-H100-80GB-HBM3. Any if empty."""
    min_memory: Bytes | None = None
    """Least memory of one GPU (label nvidia.com/gpu.memory). Cards sold as 80 GB report a little
    less than 80Gi, so write 80G."""

    rules: ClassVar = (
        Rule(
            cel="!self.resourceName.contains('kubernetes.io/') && "
            f"!{cel_list(list(_NATIVE_PREFIXES))}.exists(p, self.resourceName.startsWith(p))",
            message="{name} is not an extended resource of a device plugin: use one such as "
            "nvidia.com/gpu",
            values={"name": "self.resourceName"},
            check=_native_resource,
            path=".resourceName",
        ),
    )


RESERVED_SERVICE_ANNOTATIONS = reserved_keys(
    keys=("service.beta.kubernetes.io/load-balancer-source-ranges",),
    why="it belongs to a Service of type LoadBalancer; use spec.networkPolicy.ingressFrom",
)


class Service(Model):
    """The Service in front of the pods."""

    port: Annotated[int, Whole(1, 65535)] = 8000
    """Port of the Service; the server itself always listens on 8000."""
    annotations: Annotated[Annotations, RESERVED_SERVICE_ANNOTATIONS] = Field(default={})
    """Annotations added to the Service."""


class NetworkPolicyPeer(Model):
    """Pods that may reach the API port."""

    namespace_selector: LabelMap | None = None
    """Namespaces; the resource's own if left out."""
    pod_selector: LabelMap | None = None
    """Pods in those namespaces; all if left out."""

    rules: ClassVar = (
        Rule(
            cel="has(self.namespaceSelector) || has(self.podSelector)",
            message="needs namespaceSelector, podSelector or both: a peer without them would match "
            "nothing",
            check=lambda p: None if p.namespace_selector or p.pod_selector else {},
        ),
    )


class NetworkPolicy(Model):
    """The NetworkPolicy of the model pods.

    Only the API port is open and metadata services are out of reach. It takes effect where the
    cluster's network plugin enforces policies.
    """

    enabled: Bool = True
    """Whether the policy is made."""
    ingress_from: Annotated[tuple[NetworkPolicyPeer, ...], Field(max_length=16)] = ()
    """Who may reach the API port; everybody if empty."""
    blocked_cidrs: Annotated[tuple[IPv4Block, ...], Field(max_length=32, alias="blockedCIDRs")] = (
        "169.254.0.0/16",
    )
    """IPv4 blocks that the pods must not reach. The servers fetch the URLs that requests name, so
    add your node and cluster ranges. The default is the link-local block of cloud metadata."""


class Rollout(Model):
    """How a change reaches the pods."""

    max_surge: Annotated[int, Whole(0, 16)] = 0
    """Extra replicas during a roll. 0 frees GPUs first, so that a roll cannot wait for GPUs that
    its own old pods hold; more needs that many replicas' worth of free GPUs."""


class ServingSpec(Model):
    """The part of the spec that both kinds share."""

    model: ModelName
    """Hugging Face repository id, e.g. nvidia/Cosmos3-Super, or a path on the cache volume.
    Catalogued checkpoints get defaults, topology rules and size estimates; any other model works
    with what you say yourself."""
    served_model_name: (
        Annotated[
            Str,
            Field(max_length=192),
            matches(
                "^[A-Za-z0-9][A-Za-z0-9._/-]*$",
                "letters, digits, '.', '_', '/' and '-', such as my-cosmos",
            ),
        ]
        | None
    ) = None
    """Name that clients put into requests; the model by default."""
    replicas: Annotated[int, Whole(0, 1000)] = 1
    """Number of servers, each on GPUs of its own; 0 frees the GPUs and keeps everything else."""
    hugging_face: HuggingFace = HuggingFace()
    """Access to the Hugging Face hub."""
    cache: Cache = Cache()
    """Where weights are kept."""
    gpu: Gpu = Gpu()
    """Which GPUs are asked for."""
    pod: Pod = Pod()
    """The shape of the model pods."""
    preflight: Preflight = Preflight()
    """What is found out before a server starts."""
    service: Service = Service()
    """The Service in front of the pods."""
    api_key_secret_ref: ApiKeySecretRef | None = None
    """API key that clients must send for /v1 paths; /health and /metrics stay open."""
    network_policy: NetworkPolicy = NetworkPolicy()
    """Who may talk to the pods, and to whom they may."""
    rollout: Rollout = Rollout()
    """How a change reaches the pods."""
    quantization: Literal["None", "FP8"] = "None"
    """FP8 halves the weights while they are loaded, about half of the GPU memory they take, at some
    loss of quality. Needs GPUs of compute capability 8.9 or newer (L40S, H100)."""
    startup_budget_seconds: Annotated[int, Whole(60, 86400)] | None = None
    """How long a pod may take to become healthy before it is restarted, seconds: download and load.
    Computed from the checkpoint by default."""
    drain_seconds: Annotated[int, Whole(1, 86400)] | None = None
    """How long a stopping pod may finish running requests, seconds; one longest generation by
    default."""
    extra_args: Annotated[
        tuple[Annotated[Str, Field(min_length=1, max_length=512)], ...], Field(max_length=64)
    ] = ()
    """Arguments added to `vllm serve`, one item per word. Those that the operator owns are refused
    by name, since two opinions on one flag end in a surprise; those that the runtime's own parser
    would refuse are refused before a GPU is taken."""


def shared_rules(surface: Surface) -> tuple[Rule, ...]:
    """Rules over the shared fields that depend on the surface."""
    return (OFFLINE_RULE, *argument_rules(surface))


__all__ = [
    "ApiKeySecretRef",
    "Cache",
    "Gpu",
    "HuggingFace",
    "Media",
    "NetworkPolicy",
    "Preflight",
    "QualifiedName",
    "Rollout",
    "Runtime",
    "SecretKeyRef",
    "Service",
    "ServingSpec",
    "shared_rules",
]
