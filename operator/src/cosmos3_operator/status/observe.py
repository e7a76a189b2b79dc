"""What the loop saw in the cluster, as data for the summarizer.

In: live children from server-side apply responses or watch events, and the resource's pods.
Out: `Observation`, one value. Nothing here talks to the API server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from cosmos3_operator.plan.names import is_access
from cosmos3_operator.status.evidence import NOTHING, Evidence


class ChildRef(NamedTuple):
    """Names one child within its resource's namespace."""

    kind: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ApplyFailure:
    """A child that the API server refused, with its own words."""

    ref: ChildRef
    code: int
    """HTTP status code."""
    reason: str
    """`reason` of the API server's Status object, e.g. Invalid, Forbidden, NotFound."""
    message: str


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Everything that the status of one resource is derived from."""

    children: Mapping[ChildRef, Mapping[str, Any]] = field(default_factory=dict)
    """Live children that the plan wants; `metadata` and `status` are present, `spec` may be trimmed
    away."""
    pods: tuple[Mapping[str, Any], ...] = ()
    """The servers' pods, oldest first: `metadata`, `spec.nodeName`, `status`."""
    access_pods: tuple[Mapping[str, Any], ...] = ()
    """The pods that ask the hub for access, oldest first."""
    failures: tuple[ApplyFailure, ...] = ()
    evidence: Evidence = NOTHING
    """What was asked for beyond that."""
    lost_nodes: frozenset[str] = frozenset()
    """Nodes whose kubelet does not report any more: what their pods say is out of date."""
    now: datetime | None = None
    """The moment that it is about; None where nobody asked for time."""
    previous: tuple[Mapping[str, Any], ...] = ()
    """`status.findings` as last written: what was known then, where nobody says it any more."""

    @classmethod
    def of(
        cls,
        *,
        children: Mapping[ChildRef, Mapping[str, Any]],
        pods: Iterable[Mapping[str, Any]],
        failures: tuple[ApplyFailure, ...] = (),
    ) -> Observation:
        """Tell servers from pods that ask the hub, so that no check mistakes one for the other."""
        asking: list[Mapping[str, Any]] = []
        serving: list[Mapping[str, Any]] = []
        for pod in pods:
            (asking if is_access(pod["metadata"].get("labels") or {}) else serving).append(pod)
        return cls(
            children=children, pods=tuple(serving), access_pods=tuple(asking), failures=failures
        )
