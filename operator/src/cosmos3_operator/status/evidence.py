"""Evidence that is not watched, only asked for when something is wrong or loading.

In: nothing. Out: the questions that pure code asks (`Ask`) and the answers that it reads. A pass
says what it would like to know, the thin shell fetches it, bounded and remembered, and the same
pure code reads the answer; without one, it makes do with what pods say themselves. A log is read
only of the pods of our own resources, and what is quoted from it has been cleared of credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class LogAsk(NamedTuple):
    """One run of one container, counted by `restartCount`: once ended, its log never changes."""

    pod: str
    container: str
    run: int
    """restartCount of the run in question: 0 for the first."""
    is_previous: bool
    """The container started again since, or waits to: the API server calls that log previous."""
    is_live: bool
    """The run goes on, so its log grows: an answer is good for a few seconds only."""


class EventsAsk(NamedTuple):
    """What other components (kubelet, scheduler, controllers) reported about an object of ours."""

    kind: str
    """Pod, PersistentVolumeClaim, Job …"""
    name: str


class InventoryAsk(NamedTuple):
    """How many GPUs are free on which node: asked only while a pod finds none."""

    resource_name: str
    """The extended resource, e.g. nvidia.com/gpu."""


Ask = LogAsk | EventsAsk | InventoryAsk


@dataclass(frozen=True, kw_only=True)
class Asks:
    """What one pass would like to know, and when to ask again although nothing was seen to move."""

    asks: tuple[Ask, ...] = ()
    requeue_after: float | None = None
    """Seconds; None if an event will tell."""


NO_ASKS = Asks()


LOGS = "pods/log"
"""What reading a log needs `get` on, as a role names it."""


@dataclass(frozen=True, kw_only=True)
class NodeGpus:
    """One node, and how many of its GPUs pods have asked for."""

    name: str
    product: str
    """As GPU feature discovery labels it; "" if unlabelled."""
    gpus: int
    """Allocatable."""
    free: int
    """Not asked for by any pod that is bound to the node and has not ended; never below 0."""
    taints: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The answers. What is missing was not asked for, is not permitted, or did not come in time."""

    logs: Mapping[LogAsk, str]
    """The last lines of each run, oldest first, credentials cut out."""
    events: Mapping[EventsAsk, tuple[Mapping[str, Any], ...]]
    """Core v1 Events, oldest first: `type`, `reason`, `message`, `count`, `lastTimestamp`."""
    inventory: Mapping[InventoryAsk, tuple[NodeGpus, ...]]
    refused: tuple[str, ...] = ()
    """What the operator may not read, as its role would name it, e.g. `pods/log`."""


NOTHING = Evidence(logs={}, events={}, inventory={})
