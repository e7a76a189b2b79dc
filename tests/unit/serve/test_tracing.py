"""Spans of a pass, its stages and its requests, as an OpenTelemetry collector would get them."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import click
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cosmos3_operator.cli.tracing import traced
from cosmos3_operator.cluster.trace import NO_TRACER
from cosmos3_operator.reconcile.backoff import Backoff
from cosmos3_operator.reconcile.workers import Workers
from cosmos3_operator.serve.tracing import Tracing
from fakes import toy
from fakes.loop import KEY, bench, run_async


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def traced_pass(*, broken: bool = False) -> list[ReadableSpan]:
    """Run one pass under a worker, and return its spans in the order of their ends."""
    exporter = InMemorySpanExporter()
    tracing = Tracing(SimpleSpanProcessor(exporter), version="1.2.3")

    async def main() -> None:
        async with bench(tracer=tracing) as one:
            one.create(toy.resource())
            await one.deliver()
            if broken:
                one.server.fail(lambda asked: asked.path.endswith("/status"), 403)
            done = asyncio.Event()
            workers = Workers(
                queue=one.queue,
                reconcile=one.reconciler.reconcile,
                store=one.store,
                backoff=Backoff(),
                on_pass=lambda *_: done.set(),
                tracer=tracing,
            )
            workers.start(1)
            await done.wait()
            await workers.stop()

    run_async(main)
    tracing.close()
    return list(exporter.get_finished_spans())


def test_a_pass_its_stages_and_its_requests() -> None:
    spans = traced_pass()
    *_, whole = spans
    assert whole.name == "reconcile"
    said = attributes(whole)
    assert said.pop("reconcileID")
    assert said == {
        "kind": KEY.kind,
        "namespace": KEY.namespace,
        "name": KEY.name,
        "generation": 1,
        "result": "success",
    }
    stages = {span.name: span for span in spans if span.parent == whole.context}
    assert list(stages) == ["gather", "converge", "status"]
    requests = [span for span in spans if span.name == "request"]
    by_stage = {
        name: [attributes(span) for span in requests if span.parent == stage.context]
        for name, stage in stages.items()
    }
    assert sum(map(len, by_stage.values())) == len(requests)
    assert by_stage["gather"] == [{"verb": "list", "resource": "nodes", "code": 200}]
    assert {one["resource"] for one in by_stage["converge"]} == {"services", "deployments"}
    assert by_stage["status"] == [
        {"verb": "patch", "resource": "cosmosgenerators/status", "code": 200}
    ]
    resource = whole.resource.attributes
    assert (resource["service.name"], resource["service.version"]) == ("cosmos3-operator", "1.2.3")


def test_an_error_is_in_its_span_and_the_pass_says_how_it_ended() -> None:
    spans = traced_pass(broken=True)
    assert [span.name for span in spans if not span.status.is_ok] == ["request", "status"]
    assert attributes(spans[-1])["result"] == "error"
    codes = [attributes(span)["code"] for span in spans if span.name == "request"]
    assert codes[-1] == 403


def test_the_service_can_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "cosmos-east")
    exporter = InMemorySpanExporter()
    tracing = Tracing(SimpleSpanProcessor(exporter), version="1")
    with tracing.span("x"):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == "cosmos-east"


def test_without_the_option_nothing_is_traced_or_imported() -> None:
    def never(name: str) -> ModuleType:
        raise AssertionError(name)

    with traced("none", load=never) as tracer:
        assert tracer is NO_TRACER
        with tracer.span("x", a=1) as span:
            span.note("b", 2)


def test_packages_that_are_missing_are_named() -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'opentelemetry'", name="opentelemetry")

    with (
        pytest.raises(click.ClickException, match=r"opentelemetry.*cosmos3-operator\[tracing\]"),
        traced("otlp", load=missing),
    ):
        pass


def test_otlp_sends_to_where_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter is asked for nothing but its address: sending is OpenTelemetry's own matter."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with traced("otlp") as tracer, tracer.span("x") as span:
        span.note("b", 2)
