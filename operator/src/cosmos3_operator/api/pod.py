"""How users shape the model pods: placement, environment, resources, labels.

A resource must not be a way around its namespace's own rules, so nothing here can mount the host,
join its namespaces or gain a privilege.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cosmos3_operator.api.base import Bool, Model, Str, Whole
from cosmos3_operator.api.fields import (
    CPU_TEXT,
    CPU_WORDS,
    QUALIFIED_NAME,
    Annotations,
    Bytes,
    Cpu,
    KeyName,
    Labels,
    LabelValue,
    ObjectName,
    QualifiedName,
    UniqueNames,
    is_qualified_name,
    reserved_keys,
)
from cosmos3_operator.api.quantity import parse_quantity
from cosmos3_operator.api.rules import Rule, Values, cel_list, cel_string, fullmatch, matches
from cosmos3_operator.catalog.load import load

OWNED_LABELS = reserved_keys(
    keys=("app.kubernetes.io/", "serving.cosmos3.io/", "pod-template-hash"),
    why="that is set for you; use a prefix of your own",
)
RESERVED_ANNOTATIONS = reserved_keys(
    keys=(
        "container.apparmor.security.beta.kubernetes.io/",
        "container.seccomp.security.alpha.kubernetes.io/",
        "seccomp.security.alpha.kubernetes.io/",
        "controller.kubernetes.io/pod-deletion-cost",
        "kubernetes.io/config.hash",
        "kubernetes.io/config.mirror",
        "kubernetes.io/config.seen",
        "kubernetes.io/config.source",
        "kubernetes.io/limit-ranger",
        "scheduler.alpha.kubernetes.io/tolerations",
    ),
    why="Kubernetes reads it as a setting of the pod; use the fields of spec.pod",
)
OWNED_ENVIRONMENT = {item.name: item.use for item in load().owned_environment}


class SecretKeyRef(Model):
    """One key of a Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: KeyName
    """Key within the Secret."""


class ConfigMapKeyRef(Model):
    """One key of a ConfigMap in the same namespace."""

    name: ObjectName
    """Name of the ConfigMap."""
    key: KeyName
    """Key within the ConfigMap."""


class EnvVarSource(Model):
    """Where the value of an environment variable comes from: exactly one of the two."""

    secret_key_ref: SecretKeyRef | None = None
    """A key of a Secret; its value is never read by the operator."""
    config_map_key_ref: ConfigMapKeyRef | None = None
    """A key of a ConfigMap."""

    rules: ClassVar = (
        Rule(
            cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
            message="needs exactly one of secretKeyRef and configMapKeyRef: add or drop one",
            check=lambda s: (
                {} if (s.secret_key_ref is None) == (s.config_map_key_ref is None) else None
            ),
        ),
    )


def _owned_environment(var: EnvVar) -> Values | None:
    use = OWNED_ENVIRONMENT.get(var.name)
    return None if use is None else {"name": var.name, "use": use}


def _cel_use() -> str:
    """Return a CEL expression for what to use instead of the owned variable `self.name`."""
    by_use: dict[str, list[str]] = {}
    for name, use in OWNED_ENVIRONMENT.items():
        by_use.setdefault(use, []).append(name)
    *others, (last, _) = by_use.items()
    choices = [f"self.name in {cel_list(names)} ? {cel_string(use)}" for use, names in others]
    return " : ".join([*choices, cel_string(last)])


class EnvVar(Model):
    """One environment variable of the server."""

    name: Annotated[
        Str,
        Field(max_length=256),
        matches(
            r"^[A-Za-z_][A-Za-z0-9_]*$",
            "a variable's name: letters, digits and '_', not beginning with a digit",
        ),
    ]
    """Name of the variable."""
    value: Annotated[Str, Field(max_length=8192)] | None = None
    """Value, empty if neither value nor valueFrom is given."""
    value_from: EnvVarSource | None = None
    """Take the value from a Secret or a ConfigMap."""

    rules: ClassVar = (
        Rule(
            cel="!(has(self.value) && has(self.valueFrom))",
            message="{name} has both value and valueFrom: keep one",
            values={"name": "self.name"},
            check=lambda v: None if v.value is None or v.value_from is None else {"name": v.name},
        ),
        Rule(
            cel=f"!(self.name in {cel_list(sorted(OWNED_ENVIRONMENT))})",
            message="{name} is owned by the operator: {use}",
            values={"name": "self.name", "use": _cel_use()},
            check=_owned_environment,
            path=".name",
        ),
    )


class ResourceList(Model):
    """Amounts of what a container uses besides GPUs."""

    cpu: Cpu | None = None
    """CPU cores, e.g. 8 or 500m."""
    memory: Bytes | None = None
    """Host memory, e.g. 64Gi; shared memory (/dev/shm) counts against it."""
    ephemeral_storage: Annotated[Bytes | None, Field(alias="ephemeral-storage")] = None
    """Local disk, e.g. 100Gi; an emptyDir cache counts against it."""

    rules: ClassVar = (
        Rule(
            cel=f"!has(self.cpu) || string(self.cpu).matches({cel_string(CPU_TEXT)})",
            message="{cpu} " + CPU_WORDS,
            values={"cpu": "string(self.cpu)"},
            # The field has checked itself by then.
            check=lambda r: None,
            path=".cpu",
        ),
    )


def _limit_below_request(name: str, attribute: str, text: str) -> Rule:
    both = f"has(self.limits.{name}) && has(self.requests.{name})"
    as_text = "string({})" if attribute == "cpu" else "{}"
    request = as_text.format(f"self.requests.{name}")
    limit = as_text.format(f"self.limits.{name}")
    return Rule(
        cel=f"!({both}) || !isQuantity({request}) || !isQuantity({limit}) || "
        f"quantity({request}).compareTo(quantity({limit})) <= 0",
        message=f"the {text} request {{request}} is above its limit {{limit}}: raise the limit or "
        "lower the request",
        values={"request": request, "limit": limit},
        needs=("requests", "limits"),
        check=lambda r: _compare(getattr(r.requests, attribute), getattr(r.limits, attribute)),
    )


def _compare(request: int | str | None, limit: int | str | None) -> Values | None:
    if request is None or limit is None or parse_quantity(request) <= parse_quantity(limit):
        return None
    return {"request": request, "limit": limit}


class Resources(Model):
    """CPU, memory and disk of the server's container; GPUs are computed by the operator."""

    requests: ResourceList = ResourceList()
    """What the scheduler reserves. Memory defaults to what the checkpoint was measured to need."""
    limits: ResourceList = ResourceList()
    """What the container may use at most; none by default."""

    rules: ClassVar = (
        _limit_below_request("cpu", "cpu", "CPU"),
        _limit_below_request("memory", "memory", "memory"),
        _limit_below_request("ephemeral__dash__storage", "ephemeral_storage", "ephemeral-storage"),
    )


def _toleration_operator(toleration: Toleration) -> Values | None:
    if toleration.operator == "Exists" and toleration.value:
        return {"value": toleration.value}
    return None


class Toleration(Model):
    """Lets the pod onto nodes with a matching taint."""

    key: Annotated[Str, Field(max_length=253)] | None = None
    """Taint key; empty with operator Exists matches every taint."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Equal compares the value, Exists only the key."""
    value: LabelValue | None = None
    """Taint value, for operator Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Taint effect; every effect if left out."""
    toleration_seconds: Annotated[int, Whole(0, 2147483647)] | None = None
    """How long to stay after a NoExecute taint appears, seconds; for ever if left out."""

    rules: ClassVar = (
        Rule(
            cel="!has(self.key) || self.key == '' || "
            f"self.key.matches({cel_string(QUALIFIED_NAME)})",
            message="'{key}' is not a taint key: write one such as nvidia.com/gpu",
            values={"key": "self.key"},
            check=lambda t: None if not t.key or is_qualified_name(t.key) else {"key": t.key},
            path=".key",
        ),
        Rule(
            cel="(has(self.key) && self.key != '') || self.operator == 'Exists'",
            message="without a key, operator must be Exists: add the key or the operator",
            check=lambda t: None if t.key or t.operator == "Exists" else {},
        ),
        Rule(
            cel="self.operator != 'Exists' || !has(self.value) || self.value == ''",
            message="value '{value}' is never compared under operator Exists: drop it or use "
            "operator Equal",
            values={"value": "self.value"},
            check=_toleration_operator,
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            message="tolerationSeconds needs effect NoExecute: set the effect or drop the seconds",
            check=lambda t: None if t.toleration_seconds is None or t.effect == "NoExecute" else {},
        ),
    )


def _values_fit_operator(requirement: NodeSelectorRequirement) -> Values | None:
    count, operator = len(requirement.values), requirement.operator
    fits = {
        "In": count > 0,
        "NotIn": count > 0,
        "Exists": count == 0,
        "DoesNotExist": count == 0,
    }.get(operator, count == 1 and fullmatch("^-?[0-9]{1,18}$", requirement.values[0]))
    return None if fits else {"key": requirement.key, "operator": operator}


class NodeSelectorRequirement(Model):
    """One condition on a node label."""

    key: QualifiedName
    """Label key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How to compare."""
    values: Annotated[tuple[LabelValue, ...], Field(max_length=16)] = ()
    """One or more for In and NotIn, none for Exists and DoesNotExist, one integer for Gt and Lt."""

    rules: ClassVar = (
        Rule(
            cel="self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : "
            "(self.operator in ['Exists', 'DoesNotExist'] ? "
            "!has(self.values) || size(self.values) == 0 : has(self.values) && "
            "size(self.values) == 1 && self.values[0].matches('^-?[0-9]{1,18}$'))",
            message="operator {operator} for {key} takes other values: In and NotIn one or more, "
            "Exists and DoesNotExist none, Gt and Lt one integer",
            values={"key": "self.key", "operator": "self.operator"},
            check=_values_fit_operator,
        ),
    )


class NodeSelectorTerm(Model):
    """Conditions that must all hold."""

    match_expressions: Annotated[
        tuple[NodeSelectorRequirement, ...], Field(min_length=1, max_length=8)
    ]
    """Conditions on node labels."""


class NodeSelector(Model):
    """Terms of which one must hold."""

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], Field(min_length=1, max_length=4)]
    """The terms."""


class PreferredSchedulingTerm(Model):
    """A wish with a weight."""

    weight: Annotated[int, Whole(1, 100)]
    """1 to 100; higher weighs more."""
    preference: NodeSelectorTerm
    """What is preferred."""


class NodeAffinity(Model):
    """Which nodes the pod must or should run on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Nodes that are possible at all."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredSchedulingTerm, ...], Field(max_length=4)
    ] = ()
    """Nodes that are preferred among them."""


class LabelMap(Model):
    """Labels to match."""

    match_labels: Labels = Field(default={})
    """Label key → value."""


class PodAffinityTerm(Model):
    """Pods to be near to or far from."""

    label_selector: LabelMap
    """Labels of those pods."""
    topology_key: QualifiedName
    """Node label that says what near means, e.g. kubernetes.io/hostname."""


class WeightedPodAffinityTerm(Model):
    """A wish about other pods, with a weight."""

    weight: Annotated[int, Whole(1, 100)]
    """1 to 100; higher weighs more."""
    pod_affinity_term: PodAffinityTerm
    """The wish."""


class PodAffinity(Model):
    """Where the pod must or should run, relative to other pods."""

    required_during_scheduling_ignored_during_execution: Annotated[
        tuple[PodAffinityTerm, ...], Field(max_length=8)
    ] = ()
    """What must hold."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[WeightedPodAffinityTerm, ...], Field(max_length=8)
    ] = ()
    """What is preferred."""


class Affinity(Model):
    """Placement rules, as in a Pod."""

    node_affinity: NodeAffinity | None = None
    """Rules about nodes; they are added to those that spec.gpu makes."""
    pod_affinity: PodAffinity | None = None
    """Pods to be near to."""
    pod_anti_affinity: PodAffinity | None = None
    """Pods to be far from."""


class LocalObjectReference(Model):
    """An object in the same namespace."""

    name: ObjectName
    """Name of the object."""


class SecurityContext(Model):
    """Users and groups of the server; everything else is fixed to the strictest that works."""

    run_as_user: Annotated[int, Whole(0, 2147483647)] | None = None
    """User id; the image's own by default. vLLM's images ship user 2000."""
    run_as_group: Annotated[int, Whole(0, 2147483647)] | None = None
    """Group id. vLLM's images need group 0 for users other than root."""
    fs_group: Annotated[int, Whole(0, 2147483647)] | None = None
    """Group that owns the volumes."""
    run_as_non_root: Bool | None = None
    """Refuse to start as root; needs an image or a runAsUser that is not root."""

    rules: ClassVar = (
        Rule(
            cel="!(has(self.runAsNonRoot) && self.runAsNonRoot && has(self.runAsUser) && "
            "self.runAsUser == 0)",
            message="runAsNonRoot refuses runAsUser 0, which is root: choose another user, such as "
            "2000, or drop runAsNonRoot",
            check=lambda s: {} if s.run_as_non_root and s.run_as_user == 0 else None,
        ),
    )


class Pod(Model):
    """The shape of the model pods."""

    labels: Annotated[Labels, OWNED_LABELS] = Field(default={})
    """Labels added to the pods."""
    annotations: Annotated[Annotations, RESERVED_ANNOTATIONS] = Field(default={})
    """Annotations added to the pods."""
    node_selector: Labels = Field(default={})
    """Node labels that a node must carry."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Taints to tolerate; nvidia.com/gpu is tolerated already."""
    affinity: Affinity | None = None
    """Placement rules."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods."""
    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the pods, e.g. nvidia where it is not the default."""
    image_pull_secrets: Annotated[
        tuple[LocalObjectReference, ...], Field(max_length=8), UniqueNames()
    ] = ()
    """Secrets with registry credentials."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64), UniqueNames()] = ()
    """Environment variables added to the server; those that the operator sets are refused."""
    resources: Resources = Resources()
    """CPU, memory and disk."""
    security_context: SecurityContext = SecurityContext()
    """Users and groups."""
