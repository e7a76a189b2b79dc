"""Names, labels and figures as scrapers see them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.serve.families import FAMILIES, GROUPS
from cosmos3_operator.serve.metrics import NAME, RESULTS, Metrics, host_of
from fakes.loop import KEY

HOST = "api.example:6443"
UNITS = ("seconds", "bytes", "total", "info", "ready")


def scraped(metrics: Metrics) -> dict[str, float]:
    """Return samples as `name{label=value,...}` with sorted labels."""
    text = asyncio.run(metrics.render()).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def made() -> Metrics:
    return Metrics(version="1.2.3", server=f"https://user:password@{HOST}/path")


def test_passes_under_controller_runtimes_names() -> None:
    metrics = made()
    before = scraped(metrics)
    for result in RESULTS:
        assert (
            before[
                f"controller_runtime_reconcile_total{{controller=cosmosgenerator,result={result}}}"
            ]
            == 0
        )
    metrics.on_pass("CosmosGenerator", "success", 0.2)
    metrics.on_pass("CosmosReasoner", "error", 0.3)
    after = scraped(metrics)
    for name, value in {
        "controller_runtime_reconcile_total{controller=cosmosgenerator,result=success}": 1,
        "controller_runtime_reconcile_total{controller=cosmosreasoner,result=error}": 1,
        "controller_runtime_reconcile_errors_total{controller=cosmosgenerator}": 0,
        "controller_runtime_reconcile_errors_total{controller=cosmosreasoner}": 1,
        "controller_runtime_reconcile_time_seconds_sum{controller=cosmosreasoner}": 0.3,
        f"workqueue_work_duration_seconds_count{{name={NAME}}}": 2,
    }.items():
        assert after[name] == value, name


def test_the_queue_under_client_gos_names() -> None:
    metrics = made()
    metrics.gauges.ask_one("workqueue_depth", NAME, value=lambda: 7)
    metrics.on_add()
    metrics.on_retry()
    metrics.on_wait(0.5)
    found = scraped(metrics)
    assert found["workqueue_depth{name=cosmos3}"] == 7
    assert found["workqueue_adds_total{name=cosmos3}"] == 1
    assert found["workqueue_retries_total{name=cosmos3}"] == 1
    assert found["workqueue_queue_duration_seconds_sum{name=cosmos3}"] == 0.5


def test_requests_under_client_gos_names() -> None:
    metrics = made()
    metrics.on_request("patch", "services", 201, 0.25)
    metrics.on_request("create", "events", 0, 0.25)
    metrics.on_request("watch", "services", 200, 0.25)
    metrics.on_request("delete", "jobs", 404, 0.25)
    found = scraped(metrics)
    counts = {
        name: value for name, value in found.items() if name.startswith("rest_client_requests")
    }
    assert counts == {
        f"rest_client_requests_total{{code=201,host={HOST},method=PATCH}}": 1,
        f"rest_client_requests_total{{code=<error>,host={HOST},method=POST}}": 1,
        f"rest_client_requests_total{{code=200,host={HOST},method=GET}}": 1,
        f"rest_client_requests_total{{code=404,host={HOST},method=DELETE}}": 1,
    }
    assert found[f"rest_client_request_duration_seconds_sum{{host={HOST},verb=PATCH}}"] == 0.25
    watches = f"rest_client_request_duration_seconds_count{{host={HOST},verb=GET}}"
    assert watches not in found


@pytest.mark.parametrize(
    ("server", "host"),
    [
        ("https://10.0.0.1", "10.0.0.1"),
        ("https://user:secret@api.example:6443/k8s?token=secret", "api.example:6443"),
        ("https://[fd00::1]:6443", "[fd00::1]:6443"),
        ("", ""),
    ],
)
def test_the_host_holds_no_credential(server: str, host: str) -> None:
    assert host_of(server) == host


def test_events_and_evidence_are_counted() -> None:
    metrics = made()
    metrics.on_event("Normal", "Serving", "created")
    metrics.on_evidence("log", "success")
    found = scraped(metrics)
    event = "cosmos3_operator_events_total{reason=Serving,result=created,type=Normal}"
    assert found[event] == 1
    evidence = "cosmos3_operator_evidence_requests_total{result=success,what=log}"
    assert found[evidence] == 1


def status(*conditions: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "conditions": [dict(zip(("type", "status", "reason"), c, strict=True)) for c in conditions]
    }


def test_each_condition_that_turns_is_counted() -> None:
    metrics = made()
    starting = status(("Ready", "False", "Starting"), ("Accepted", "True", "Valid"))
    serving = status(("Ready", "True", "Serving"), ("Accepted", "True", "Valid"))
    metrics.on_transition(KEY, {}, {}, starting)
    metrics.on_transition(KEY, {}, starting, serving)
    metrics.on_transition(KEY, {}, serving, serving)
    found = {n: v for n, v in scraped(metrics).items() if "transitions" in n}
    labels = "condition={},kind=CosmosGenerator,reason={},status={}"
    assert found == {
        f"cosmos3_operator_transitions_total{{{labels.format(*words)}}}": 1
        for words in (
            ("Ready", "Starting", "False"),
            ("Ready", "Serving", "True"),
            ("Accepted", "Valid", "True"),
        )
    }


def test_what_is_there_is_what_the_table_says() -> None:
    metrics = made()
    metrics.on_event("Normal", "Serving", "created")
    text = asyncio.run(metrics.render()).decode()
    kept = {one.name: one for one in FAMILIES.values() if not one.when_scraped}
    found = {
        f.name + ("_total" if f.type == "counter" else ""): f
        for f in text_string_to_metric_families(text)
    }
    assert kept.keys() <= found.keys()
    for name, family in kept.items():
        assert (found[name].type, found[name].documentation) == (family.type, family.help)
    assert "_created" not in text
    assert found["process_cpu_seconds_total"].samples[0].value > 0


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda one: one.name)
def test_names_follow_the_conventions(family: Any) -> None:
    assert (family.type == "counter") == family.name.endswith("_total")
    assert family.name == family.name.lower()
    assert not family.name.endswith(("_count", "_sum", "_bucket"))
    assert not set(family.labels) & {"pod", "le", "quantile", "uid"}
    assert family.help.endswith(".")
    assert bool(family.buckets) == (family.type == "histogram")
    assert "name" not in family.labels or family.name.startswith(("workqueue", "leader"))


def test_names_are_said_once() -> None:
    assert len(FAMILIES) == sum(len(group.families) for group in GROUPS)


def test_a_key_is_no_label() -> None:
    metrics = made()
    key = Key("CosmosGenerator", "team", "my-secret-project")
    metrics.on_transition(key, {}, {}, status(("Ready", "True", "Serving")))
    assert not [name for name in scraped(metrics) if key.name in name]
