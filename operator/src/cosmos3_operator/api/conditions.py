"""Condition types and reasons: the words that status, events, metrics and docs share."""

from __future__ import annotations

from enum import StrEnum


class ConditionType(StrEnum):
    """What a condition is about. The first three follow kstatus."""

    READY = "Ready"
    """Every replica of this very generation serves."""
    RECONCILING = "Reconciling"
    """True while the operator or the pods are still on their way; absent otherwise."""
    STALLED = "Stalled"
    """True when nothing will get better without somebody doing something; absent otherwise."""
    ACCEPTED = "Accepted"
    """The spec can be served: it is valid, and so are the children made from it."""
    HUB_ACCESS = "HubAccess"
    """The hub lets the token read everything that is downloaded: asked before GPUs are taken."""
    GPUS_AVAILABLE = "GPUsAvailable"
    """Every replica has the GPUs it asked for."""
    GUARDRAILS_IN_FORCE = "GuardrailsInForce"
    """Running servers check requests: True, False by your choice, Unknown while nothing runs."""


class Reason(StrEnum):
    """Why a condition is as it is."""

    SERVING = "Serving"
    SCALED_TO_ZERO = "ScaledToZero"
    INTERNAL_ERROR = "InternalError"
    INVALID_SPEC = "InvalidSpec"
    CHILD_REFUSED = "ChildRefused"
    NAME_TAKEN = "NameTaken"
    ACCESS_GRANTED = "AccessGranted"
    CHECKING_ACCESS = "CheckingAccess"
    NOT_CHECKED = "NotChecked"
    HUGGING_FACE_TOKEN_MISSING = "HuggingFaceTokenMissing"  # noqa: S105 - a reason
    HUGGING_FACE_TOKEN_REJECTED = "HuggingFaceTokenRejected"  # noqa: S105 - a reason
    HUGGING_FACE_LICENCE_NOT_ACCEPTED = "HuggingFaceLicenceNotAccepted"
    REPOSITORY_NOT_FOUND = "RepositoryNotFound"
    REVISION_NOT_FOUND = "RevisionNotFound"
    HUB_UNREACHABLE = "HubUnreachable"
    ROLLING_OUT = "RollingOut"
    SCHEDULING = "Scheduling"
    INSUFFICIENT_GPUS = "InsufficientGPUs"
    NO_NODE_FITS = "NoNodeFits"
    GPUS_ASSIGNED = "GPUsAssigned"
    STARTING = "Starting"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONTAINER_FAILED = "ContainerFailed"
    NO_CUDA_DEVICE = "NoCudaDevice"
    CUDA_DRIVER_TOO_OLD = "CudaDriverTooOld"
    TOO_FEW_DEVICES = "TooFewDevices"
    COMPUTE_CAPABILITY_TOO_LOW = "ComputeCapabilityTooLow"
    SHARED_MEMORY_TOO_SMALL = "SharedMemoryTooSmall"
    CACHE_NOT_WRITABLE = "CacheNotWritable"
    DEVICE_BROKEN = "DeviceBroken"
    EVICTED = "Evicted"
    OUT_OF_MEMORY = "OutOfMemory"
    CONFIGURATION_MISSING = "ConfigurationMissing"
    PODS_REFUSED = "PodsRefused"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    STARTUP_BUDGET_EXCEEDED = "StartupBudgetExceeded"
    VALID = "Valid"
    ENABLED = "Enabled"
    DISABLED = "Disabled"
    NOT_RUNNING = "NotRunning"
