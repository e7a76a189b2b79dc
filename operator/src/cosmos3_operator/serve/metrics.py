"""Metrics, under the names that dashboards for Go controllers ask for.

In: calls from the loop, the queue and the client, and functions that are asked at each scrape. Out:
the Prometheus text format. What there is, is said in `families.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from yarl import URL

from cosmos3_operator.api.resource import Kind
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.serve import exposition
from cosmos3_operator.serve.families import FAMILIES
from cosmos3_operator.serve.fleet import FleetCollector
from cosmos3_operator.serve.gauges import Gauges

NAME = "cosmos3"
"""Of the one queue."""
RESULTS = ("success", "error", "requeue", "requeue_after")
METHODS = {"create": "POST", "delete": "DELETE", "patch": "PATCH"}
"""The HTTP method of a verb, where it is not GET."""
NO_ANSWER = "<error>"
"""client-go's word where there is no code."""

Body = Mapping[str, Any]


class Metrics:
    """Everything we count, in a registry of its own."""

    def __init__(self, *, version: str, server: str = "") -> None:
        # Each counter would have a second series that says when it was made.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.gauges = Gauges()
        self._fleet: FleetCollector | None = None
        self._host = host_of(server)
        self._passes = self._counter("controller_runtime_reconcile_total")
        self._errors = self._counter("controller_runtime_reconcile_errors_total")
        self._pass_seconds = self._histogram("controller_runtime_reconcile_time_seconds")
        self._adds = self._counter("workqueue_adds_total").labels(NAME)
        self._retries = self._counter("workqueue_retries_total").labels(NAME)
        self._waits = self._histogram("workqueue_queue_duration_seconds").labels(NAME)
        self._works = self._histogram("workqueue_work_duration_seconds").labels(NAME)
        self._requests = self._counter("rest_client_requests_total")
        self._request_seconds = self._histogram("rest_client_request_duration_seconds")
        self._events = self._counter("cosmos3_operator_events_total")
        self._evidence = self._counter("cosmos3_operator_evidence_requests_total")
        self._startups = self._histogram("cosmos3_operator_startup_seconds")
        self._transitions = self._counter("cosmos3_operator_transitions_total")
        self._begin_at_zero()
        build = FAMILIES["cosmos3_operator_build_info"]
        Gauge(build.name, build.help, build.labels, registry=self.registry).labels(version).set(1)
        self.registry.register(self.gauges)
        ProcessCollector(registry=self.registry)

    def _begin_at_zero(self) -> None:
        # A rate over a series that begins with its first error would miss that error.
        for kind in Kind:
            for result in RESULTS:
                self._passes.labels(controller_of(kind), result)
            self._errors.labels(controller_of(kind))
            self._pass_seconds.labels(controller_of(kind))
            self._startups.labels(kind)

    def _counter(self, name: str) -> Counter:
        family = FAMILIES[name]
        return Counter(family.name, family.help, family.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        family = FAMILIES[name]
        return Histogram(
            family.name, family.help, family.labels, registry=self.registry, buckets=family.buckets
        )

    def on_pass(self, kind: str, result: str, seconds: float) -> None:
        """Count a pass."""
        controller = controller_of(kind)
        self._passes.labels(controller, result).inc()
        if result == "error":
            self._errors.labels(controller).inc()
        self._pass_seconds.labels(controller).observe(seconds)
        self._works.observe(seconds)

    def on_wait(self, seconds: float) -> None:
        """Measure a key's wait."""
        self._waits.observe(seconds)

    def on_add(self) -> None:
        """Count a key that joins the queue."""
        self._adds.inc()

    def on_retry(self) -> None:
        """Count a key that is put back."""
        self._retries.inc()

    def on_request(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count a request."""
        method = METHODS.get(verb, "GET")
        self._requests.labels(str(code) if code else NO_ANSWER, method, self._host).inc()
        if verb != "watch":
            self._request_seconds.labels(method, self._host).observe(seconds)

    def on_event(self, type_: str, reason: str, result: str) -> None:
        """Count a Kubernetes Event."""
        self._events.labels(type_, reason, result).inc()

    def on_evidence(self, what: str, result: str) -> None:
        """Count a request for evidence."""
        self._evidence.labels(what, result).inc()

    def on_startup(self, kind: str, seconds: float) -> None:
        """Measure a server's start."""
        self._startups.labels(kind).observe(seconds)

    def on_transition(self, key: Key, body: Body, old: Body, new: Body) -> None:
        """Count the conditions that turned."""
        before = {item["type"]: _state(item) for item in old.get("conditions") or ()}
        for item in new.get("conditions") or ():
            if before.get(item["type"]) != _state(item):
                self._transitions.labels(key.kind, item["type"], *_state(item)).inc()

    def watch_fleet(self, fleet: FleetCollector) -> None:
        """Count the fleet at each scrape."""
        self._fleet = fleet
        self.registry.register(fleet)

    async def render(self) -> bytes:
        """Write the text format, without holding up the loop for long."""
        if self._fleet is not None:
            await self._fleet.look()
        return await exposition.render(self.registry.collect())


def host_of(server: str) -> str:
    """Return host and port of a URL, without the credentials that it may hold."""
    url = URL(server)
    if url.host is None:
        return ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.explicit_port}" if url.explicit_port else host


def controller_of(kind: str) -> str:
    """Return the name that controller-runtime would give to the controller of a kind."""
    return kind.lower()


def _state(condition: Body) -> tuple[str, str]:
    return str(condition.get("status")), str(condition.get("reason"))
