"""Metrics of the real process, on a real control plane: every figure is true."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.serve.families import FAMILIES
from support.api import Api
from support.operator_process import OperatorProcess
from support.resources import generator, reasoner, simulated
from support.settling import settled
from support.waiting import eventually

pytestmark = pytest.mark.cluster

GENERATOR, REASONER = "CosmosGenerator", "CosmosReasoner"


class Scrape:
    def __init__(self, operator: OperatorProcess) -> None:
        self._samples = operator.scrape()

    def __call__(self, name: str, /, **labels: str) -> float | None:
        return self._samples.get((name, frozenset(labels.items())))

    def sum(self, name: str, /, **labels: str) -> float:
        wanted = set(labels.items())
        return sum(v for (n, have), v in self._samples.items() if n == name and wanted <= have)

    def kinds(self, name: str) -> set[str]:
        return {dict(labels)["kind"] for found, labels in self._samples if found == name}

    def names(self) -> set[str]:
        return {name for name, _ in self._samples}

    def mentions(self, word: str) -> list[Any]:
        return [key for key in self._samples if word in dict(key[1]).values()]


def test_the_fleet_in_figures(api: Api, namespace: str, operator: OperatorProcess) -> None:
    before = Scrape(operator)
    serving = generator("serving", namespace)
    failing = generator("failing", namespace, pod=simulated(fail="exit", exit_code="1"), replicas=2)
    zero = reasoner("zero", namespace, replicas=0)
    for body in (serving, failing, zero):
        api.create(body)
    settled(api, serving, "Serving")
    settled(api, zero, "ScaledToZero")
    stored = settled(api, failing, "ContainerFailed")
    pods = eventually(
        lambda: api.pods(namespace),
        lambda seen: len([p for p in seen if p["spec"].get("nodeName")]) == 3,
        what="three pods on nodes",
    )
    each = stored["status"]["plan"]["gpusPerReplica"]
    limits = [pod["spec"]["containers"][0]["resources"]["limits"] for pod in pods]
    assert [limit["nvidia.com/gpu"] for limit in limits] == [str(each)] * 3
    place = {"kind": GENERATOR, "namespace": namespace}
    gpus = place | {"resource": "nvidia.com/gpu"}
    seen = eventually(
        lambda: Scrape(operator),
        lambda scrape: scrape("cosmos3_operator_gpus_allocated", **gpus) == 3 * each,
        what="the figures of three pods",
    )
    for name, labels, value in (
        ("cosmos3_operator_resources", place, 2),
        ("cosmos3_operator_resources", place | {"kind": REASONER}, 1),
        ("cosmos3_operator_replicas_wanted", place, 3),
        ("cosmos3_operator_replicas_ready", place, 1),
        ("cosmos3_operator_replicas_wanted", place | {"kind": REASONER}, 0),
        ("cosmos3_operator_gpus_requested", gpus, 3 * each),
        ("cosmos3_operator_gpus_requested", gpus | {"kind": REASONER}, 0),
    ):
        assert seen(name, **labels) == value, (name, labels)
    ready = place | {"condition": "Ready"}
    conditions = "cosmos3_operator_resource_conditions"
    assert seen(conditions, **ready, status="True", reason="Serving") == 1
    assert seen.sum(conditions, **ready, status="False") == 1
    age = seen("cosmos3_operator_not_ready_seconds", **place, reason="ContainerFailed")
    assert age is not None
    assert 0 <= age < 3600
    startups = "cosmos3_operator_startup_seconds_count"
    assert seen.sum(startups, kind=GENERATOR) - before.sum(startups, kind=GENERATOR) == 1
    assert seen.mentions("serving") == []

    for body in (serving, failing, zero):
        api.delete(api.path(body))
    eventually(
        lambda: Scrape(operator),
        lambda scrape: scrape("cosmos3_operator_resources", **place) is None,
        what="the end of the resources",
    )
    gone = Scrape(operator)
    assert gone.kinds("cosmos3_operator_resources") == {GENERATOR, REASONER}, "0 is not absent"
    assert gone.mentions(namespace) == []


def test_the_loop_and_the_client(operator: OperatorProcess) -> None:
    seen = Scrape(operator)
    assert seen("cosmos3_operator_ready") == 1
    assert seen("leader_election_master_status", name="cosmos3-operator") == 1
    for plural in ("cosmosgenerators", "cosmosreasoners", "deployments", "jobs", "pods"):
        assert seen("cosmos3_operator_watch_up", resource=plural) == 1
        assert seen("cosmos3_operator_watch_down_seconds", resource=plural) == 0
    assert seen.sum("rest_client_requests_total", method="GET", code="200") > 0
    passes = seen.sum("controller_runtime_reconcile_total")
    assert passes == seen.sum("controller_runtime_reconcile_time_seconds_count")
    assert seen("workqueue_adds_total", name="cosmos3") == passes
    assert seen("controller_runtime_max_concurrent_reconciles", controller="cosmosreasoner") == 32
    assert seen.sum("process_resident_memory_bytes") > 0


def test_nothing_is_there_that_the_table_does_not_have(operator: OperatorProcess) -> None:
    endings = ("_bucket", "_count", "_sum")
    known = set(FAMILIES) | {
        f"{one.name}{end}" for one in FAMILIES.values() for end in endings if one.buckets
    }
    unknown = Scrape(operator).names() - known
    assert {name for name in unknown if not name.startswith("process_")} == set()
