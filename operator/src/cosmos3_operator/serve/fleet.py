"""The fleet in figures, counted at each scrape from what the store holds.

In: resources and their pods, as last seen. Out: gauges. Nothing is kept from one scrape to the
next, so that a deleted resource leaves nothing behind. One walk over all counts for all gauges.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cosmos3_operator.api.common import Gpu
from cosmos3_operator.api.resource import Kind
from cosmos3_operator.plan.names import is_access
from cosmos3_operator.reconcile.gather import is_extended
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.serve.families import FAMILIES
from cosmos3_operator.serve.gauges import Sample, gauge

Body = Mapping[str, Any]
Group = tuple[str, ...]
"""Kind, namespace and perhaps more: the labels of a sample."""
DEFAULT_RESOURCE = Gpu().resource_name
SLICE = 100
"""Resources counted at once: a few milliseconds."""
ENDED = ("Succeeded", "Failed")


class Fleet(Protocol):
    """What the store knows."""

    def resources(self) -> Iterable[tuple[Key, Body]]:
        """Return all resources."""

    def unsorted_pods(self, key: Key) -> Collection[Body]:
        """Return the pods of one."""


@dataclass
class Count:
    """What one walk finds."""

    resources: Counter[Group] = field(default_factory=Counter)
    conditions: Counter[Group] = field(default_factory=Counter)
    not_ready_since: dict[Group, str] = field(default_factory=dict)
    wanted: Counter[Group] = field(default_factory=Counter)
    ready: Counter[Group] = field(default_factory=Counter)
    requested: Counter[Group] = field(default_factory=Counter)
    allocated: Counter[Group] = field(default_factory=Counter)

    def begin_at_zero(self, *, kind: str, namespace: str) -> None:
        """Say of a kind without resources that there is none."""
        place = (kind, namespace)
        for counter in (self.resources, self.wanted, self.ready):
            counter[place] += 0
        for counter in (self.requested, self.allocated):
            counter[(*place, DEFAULT_RESOURCE)] += 0

    def add(self, key: Key, body: Body, pods: Iterable[Body]) -> None:
        """Count one resource and its pods."""
        place = key[:2]
        spec, status = body.get("spec") or {}, body.get("status") or {}
        wanted = int(spec.get("replicas", 1))
        each = int((status.get("plan") or {}).get("gpusPerReplica") or 0)
        resource = (spec.get("gpu") or {}).get("resourceName") or DEFAULT_RESOURCE
        self.resources[place] += 1
        self.wanted[place] += wanted
        self.ready[place] += int(status.get("readyReplicas") or 0)
        self.requested[(*place, resource)] += wanted * each
        self.allocated[(*place, resource)] += 0
        self._add_conditions(place, status)
        for name, amount in gpus_on_nodes(pods):
            self.allocated[(*place, name)] += amount

    def _add_conditions(self, place: Group, status: Body) -> None:
        for condition in status.get("conditions") or ():
            type_, state, reason = condition["type"], condition["status"], condition["reason"]
            self.conditions[(*place, type_, state, reason)] += 1
            if type_ == "Ready" and state != "True":
                group, since = (*place, reason), condition["lastTransitionTime"]
                # They all have the same form, in which the order of texts is that of time.
                self.not_ready_since[group] = min(since, self.not_ready_since.get(group, since))


class FleetCollector(Collector):
    """Walks over the fleet when somebody asks."""

    def __init__(
        self, *, fleet: Fleet, clock: Callable[[], datetime], namespaces: Sequence[str] = ()
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._namespaces = tuple(namespaces)
        self._count = Count()

    async def look(self) -> None:
        """Count anew, and let others have a turn meanwhile."""
        count = Count()
        for number, (key, body) in enumerate(self._fleet.resources(), start=1):
            count.add(key, body, self._fleet.unsorted_pods(key))
            if number % SLICE == 0:
                await asyncio.sleep(0)
        missing = {str(kind) for kind in Kind} - {kind for kind, _ in count.resources}
        for kind in sorted(missing):
            for namespace in self._namespaces or ("",):
                count.begin_at_zero(kind=kind, namespace=namespace)
        self._count = count

    def describe(self) -> Iterable[Metric]:
        """Yield nothing when registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield what the last look has found."""
        count, now = self._count, self._clock()
        for name, samples in (
            ("cosmos3_operator_resources", count.resources.items()),
            ("cosmos3_operator_resource_conditions", count.conditions.items()),
            ("cosmos3_operator_not_ready_seconds", _ages(count.not_ready_since, now)),
            ("cosmos3_operator_replicas_wanted", count.wanted.items()),
            ("cosmos3_operator_replicas_ready", count.ready.items()),
            ("cosmos3_operator_gpus_requested", count.requested.items()),
            ("cosmos3_operator_gpus_allocated", count.allocated.items()),
        ):
            yield gauge(FAMILIES[name], samples)


def gpus_on_nodes(pods: Iterable[Body]) -> Iterator[tuple[str, int]]:
    """Yield what each server's pod takes of its node, by the name of the extended resource."""
    for pod in pods:
        spec, phase = pod.get("spec") or {}, (pod.get("status") or {}).get("phase")
        if not spec.get("nodeName") or phase in ENDED or not is_server(pod):
            continue
        for container in spec.get("containers") or ():
            limits = (container.get("resources") or {}).get("limits") or {}
            for name, amount in limits.items():
                if is_extended(name) and str(amount).isdecimal():
                    yield name, int(amount)


def is_server(pod: Body) -> bool:
    """Whether a pod serves; those of Jobs that look first do not."""
    return not is_access(pod["metadata"].get("labels") or {})


def _ages(since: Mapping[Group, str], now: datetime) -> Iterator[Sample]:
    for group, moment in since.items():
        age = now - datetime.fromisoformat(moment)
        yield group, max(0.0, age.total_seconds())
