"""Sends spans to an OpenTelemetry collector, where somebody wants them.

In: OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER ...). Out: a
tracer for the loop and the client. The packages are an extra, so that nobody imports this module
but who was asked for traces. Sending is done by a thread of the SDK; a pass never waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as RealSpan
from opentelemetry.trace import Tracer as RealTracer

from cosmos3_operator.cluster.trace import Span, Value

SERVICE = "cosmos3-operator"
FLUSH_SECONDS = 5.0


class Tracing:
    """A tracer whose spans go to one processor."""

    def __init__(self, processor: SpanProcessor, *, version: str) -> None:
        resource = Resource.create({"service.version": version})
        if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: SERVICE}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(SERVICE, version)

    def span(self, name: str, /, **attributes: Value) -> Span:
        """Make a span below the one that is open in this task."""
        return _OpenSpan(self._tracer, name, attributes)

    def close(self) -> None:
        """Send what is left, and stop."""
        self._provider.force_flush(int(FLUSH_SECONDS * 1000))
        self._provider.shutdown()


class _OpenSpan:
    def __init__(self, tracer: RealTracer, name: str, attributes: Mapping[str, Value]) -> None:
        self._entering: AbstractContextManager[RealSpan] = tracer.start_as_current_span(
            name, attributes=dict(attributes)
        )
        self._span: RealSpan | None = None

    def __enter__(self) -> Self:
        self._span = self._entering.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        self._entering.__exit__(kind, error, trace)

    def note(self, name: str, value: Value) -> None:
        if self._span is not None:
            self._span.set_attribute(name, value)


def otlp(*, version: str) -> Tracing:
    """Return a tracer that sends over HTTP, as OTEL_EXPORTER_OTLP_* say."""
    return Tracing(BatchSpanProcessor(OTLPSpanExporter()), version=version)
