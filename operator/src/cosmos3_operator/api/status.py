"""The status of both kinds, as the CRD describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cosmos3_operator.api.base import Int, Model, Str


class Condition(Model):
    """One observation, in the form that all Kubernetes tools read."""

    type: Annotated[Str, Field(max_length=64)]
    """What the condition is about."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[Str, Field(max_length=64)]
    """One word for why. `cosmos3-operator explain REASON` and docs/reasons say what to do."""
    message: Annotated[Str, Field(max_length=4096)]
    """Why, with figures, and what to do about it."""
    last_transition_time: Annotated[Str, Field(json_schema_extra={"format": "date-time"})]
    """When status last changed."""
    observed_generation: Int
    """The generation of the spec that this is about."""


class PlanStatus(Model):
    """What was worked out from the spec."""

    gpus_per_replica: Int
    """GPUs that each pod asks for; equal to the world size of its server."""
    split: Str
    """The arithmetic, e.g. tensor 4 × cfg 2 × ulysses 1 = 8 GPUs."""
    reason: Str
    """Why this split."""
    runtime: Str
    """Model server and version."""
    image: Str
    """Image that the pods run."""
    robot_endpoint: Str | None = None
    """URL of the OpenPI websocket, for robot policies whose server has one."""
    guardrails: Str | None = None
    """Guardrails as configured in the pods, and by which mechanism."""
    memory: Str
    """GPU memory that one GPU needs, as far as it was measured."""
    startup_budget_seconds: Int
    """How long a pod may take to become healthy."""
    drain_seconds: Int
    """How long a stopping pod may finish its work."""
    warnings: tuple[Str, ...] = ()
    """What may surprise you."""


class FindingStatus(Model):
    """One thing that keeps the resource from serving."""

    reason: Annotated[Str, Field(max_length=64)]
    """The same word as in conditions, events and metrics; see there for where it is explained."""
    message: Annotated[Str, Field(max_length=1024)]
    """What is the matter."""
    evidence: Annotated[Str, Field(max_length=1024)] | None = None
    """The line that tells, as its source wrote it; credentials are cut out."""
    remedy: Annotated[Str, Field(max_length=1024)] | None = None
    """What to do."""
    pod: Annotated[Str, Field(max_length=253)] | None = None
    """The pod that it is about."""


class StartupStatus(Model):
    """How far the slowest replica is that still starts. Absent when none does."""

    phase: Annotated[Str, Field(max_length=32)]
    """Scheduling, Pulling, Preparing, Downloading, Loading or WarmingUp."""
    progress: Annotated[Str, Field(max_length=128)] | None = None
    """How far, where it is knowable, e.g. 12 of 27 shards. Moves in steps of about a fifth."""
    deadline: Annotated[Str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """When the start-up budget ends and the server is restarted. Absent before it runs."""
    left: Annotated[Str, Field(max_length=32)] | None = None
    """Time left until then, in coarse steps, e.g. 25m."""


class Status(Model):
    """What the operator observed."""

    observed_generation: Int | None = None
    """The generation of the spec that this status is about; -1 before the operator has looked."""
    conditions: tuple[Condition, ...] = ()
    """Observations by type."""
    replicas: Int | None = None
    """Pods that exist."""
    ready_replicas: Int | None = None
    """Pods that serve."""
    selector: Str | None = None
    """Label selector of the pods, for the scale subresource."""
    endpoint: Str | None = None
    """URL of the API within the cluster."""
    startup: StartupStatus | None = None
    """How far a start is."""
    findings: Annotated[tuple[FindingStatus, ...], Field(max_length=5)] = ()
    """What keeps it from serving, most telling first; the first one is the reason of Ready."""
    plan: PlanStatus | None = None
    """What was worked out from the spec."""
