"""What the loop saw in the cluster, as data for the summarizer.

In: live children from server-side apply responses or watch events, and the resource's pods.
Out: `Observation`, one value. Nothing here talks to the API server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


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
    """Live children; `metadata` and `status` are present, `spec` may be trimmed away."""
    pods: tuple[Mapping[str, Any], ...] = ()
    """The resource's pods, oldest first: `metadata`, `spec.nodeName`, `status`."""
    failures: tuple[ApplyFailure, ...] = ()
