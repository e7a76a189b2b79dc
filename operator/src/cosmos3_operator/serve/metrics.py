"""Metrics, named like controller-runtime's so that dashboards work with a new prefix.

In: calls from the loop, the queue and the client. Out: the Prometheus text format. No label holds
an object's name: their number would have no bound.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

PREFIX = "cosmos3_operator"
PASS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class Metrics:
    """Everything we count, in a registry of its own."""

    def __init__(self, *, version: str) -> None:
        self.registry = CollectorRegistry()
        self._passes = Counter(
            "reconcile",
            "Passes by kind of resource and result.",
            ("kind", "result"),
            namespace=PREFIX,
            registry=self.registry,
        )
        self._pass_seconds = Histogram(
            "reconcile_seconds",
            "Duration of passes.",
            ("kind",),
            namespace=PREFIX,
            registry=self.registry,
            buckets=PASS_BUCKETS,
        )
        self._depth = Gauge(
            "queue_depth",
            "Keys that wait for a worker.",
            namespace=PREFIX,
            registry=self.registry,
        )
        self._wait_seconds = Histogram(
            "queue_wait_seconds",
            "Time a key waited for a worker.",
            namespace=PREFIX,
            registry=self.registry,
            buckets=PASS_BUCKETS,
        )
        self._requests = Counter(
            "api_requests",
            "Requests to the API server; code 0 is no answer.",
            ("verb", "resource", "code"),
            namespace=PREFIX,
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "api_request_seconds",
            "Duration of requests to the API server.",
            ("verb",),
            namespace=PREFIX,
            registry=self.registry,
            buckets=REQUEST_BUCKETS,
        )
        self._ready = Gauge(
            "ready",
            "1 if every watch runs.",
            namespace=PREFIX,
            registry=self.registry,
        )
        Gauge(
            "build_info",
            "Version of the operator.",
            ("version",),
            namespace=PREFIX,
            registry=self.registry,
        ).labels(version).set(1)

    def on_pass(self, kind: str, result: str, seconds: float) -> None:
        """Count a pass."""
        self._passes.labels(kind, result).inc()
        self._pass_seconds.labels(kind).observe(seconds)

    def on_wait(self, seconds: float) -> None:
        """Measure a key's wait."""
        self._wait_seconds.observe(seconds)

    def on_request(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(verb, resource, str(code)).inc()
        if verb != "watch":
            self._request_seconds.labels(verb).observe(seconds)

    def watch_depth(self, depth: Callable[[], int]) -> None:
        """Read the queue's depth whenever somebody asks."""
        self._depth.set_function(depth)

    def watch_ready(self, is_ready: Callable[[], bool]) -> None:
        """Read readiness whenever somebody asks."""
        self._ready.set_function(is_ready)

    def render(self) -> bytes:
        """Write the text format."""
        return generate_latest(self.registry)
