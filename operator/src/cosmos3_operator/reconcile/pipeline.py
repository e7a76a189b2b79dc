"""The pure core as the loop sees it: eight functions.

In: nothing. Out: `Pipeline`, so that the loop can be driven by a toy core in tests, and the real
one is chosen in a single place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.status.evidence import Asks
from cosmos3_operator.status.observe import ChildRef, Observation

Body = Mapping[str, Any]


class Summary(Protocol):
    """The status to show, and when to look again."""

    @property
    def status(self) -> dict[str, Any]:
        """The whole status."""

    @property
    def requeue_after(self) -> float | None:
        """Seconds until the status may change by the passing of time alone."""


class AskFor(Protocol):
    """What more one would like to know to say why it is not ready; nothing if all is well."""

    def __call__(self, plan: Any, observation: Observation, /, *, now: datetime) -> Asks:
        """Ask."""


class Summarize(Protocol):
    """What the cluster looks like, in a status."""

    def __call__(
        self, resource: Any, plan: Any, observation: Observation, /, *, now: datetime
    ) -> Summary:
        """Summarize."""


class SummarizeInvalid(Protocol):
    """What is wrong with a resource, in a status."""

    def __call__(
        self, body: Body, error: Invalid, /, *, observation: Observation, now: datetime
    ) -> Summary:
        """Summarize."""


class SummarizeFailure(Protocol):
    """That a pass failed unexpectedly, in a status."""

    def __call__(self, body: Body, error: Exception, /, *, now: datetime) -> Summary:
        """Summarize."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """parse → make_plan → render → hold → (apply) → asks → (collect) → summarize."""

    parse: Callable[[Body], Any]
    make_plan: Callable[[Any, Facts], Any]
    render: Callable[[Any], tuple[dict[str, Any], ...]]
    hold: Callable[[Any, Observation], frozenset[ChildRef]]
    """Which children must not be applied yet."""
    asks: AskFor
    summarize: Summarize
    summarize_invalid: SummarizeInvalid
    summarize_failure: SummarizeFailure
