"""The fleet in figures: what is counted, what is not, and that a scrape holds up nobody."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.serve import exposition
from cosmos3_operator.serve.families import FAMILIES
from cosmos3_operator.serve.fleet import SLICE, FleetCollector
from cosmos3_operator.serve.gauges import gauge

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAN = {"gpusPerReplica": 8}
Values = dict[tuple[str, ...], float]


def condition(type_: str, status: str, reason: str, since: str = "11:00:00") -> dict[str, Any]:
    moment = f"2026-01-01T{since}Z"
    return {"type": type_, "status": status, "reason": reason, "lastTransitionTime": moment}


def put(
    store: Store,
    name: str,
    *conditions: dict[str, Any],
    kind: str = "CosmosGenerator",
    namespace: str = "a",
    spec: dict[str, Any] | None = None,
    plan: dict[str, Any] | None = PLAN,
    ready: int = 0,
) -> Key:
    key = Key(kind, namespace, name)
    status: dict[str, Any] = {"conditions": list(conditions), "readyReplicas": ready}
    metadata = {"name": name, "namespace": namespace, "uid": str(key), "resourceVersion": "1"}
    body = {"metadata": metadata, "spec": {"replicas": 1} | (spec or {})}
    store.put_resource(key, body | {"status": status | ({"plan": plan} if plan else {})})
    return key


def pod(
    store: Store, key: Key, name: str, *, node: str = "n", component: str = "generator", **more: Any
) -> None:
    limits = {more.get("resource", "nvidia.com/gpu"): "8", "memory": "1Gi", "cpu": "2"}
    store.put_pod(
        key,
        {
            "metadata": {
                "name": name,
                "uid": name,
                "resourceVersion": "1",
                "labels": {"app.kubernetes.io/component": component},
            },
            "spec": {"containers": [{"resources": {"limits": limits}}]}
            | ({"nodeName": node} if node else {}),
            "status": {"phase": more.get("phase", "Running")},
        },
    )


def counted(store: Store, *, namespaces: Sequence[str] = ()) -> Callable[[str], Values]:
    collector = FleetCollector(fleet=store, clock=lambda: NOW, namespaces=namespaces)
    asyncio.run(collector.look())
    found = {
        metric.name: {tuple(sample.labels.values()): sample.value for sample in metric.samples}
        for metric in collector.collect()
    }
    return lambda name: found[f"cosmos3_operator_{name}"]


def test_conditions_and_how_long_it_lasts() -> None:
    store = Store()
    put(store, "1", condition("Ready", "True", "Serving"), ready=1)
    put(store, "2", condition("Ready", "False", "Starting", "11:30:00"))
    put(store, "3", condition("Ready", "False", "Starting", "11:59:00"))
    put(store, "4", condition("Ready", "Unknown", "InternalError"), kind="CosmosReasoner")
    seen = counted(store)
    place = ("CosmosGenerator", "a")
    assert seen("resources") == {place: 3, ("CosmosReasoner", "a"): 1}
    assert seen("resource_conditions")[(*place, "Ready", "False", "Starting")] == 2
    assert seen("resource_conditions")[(*place, "Ready", "True", "Serving")] == 1
    assert seen("not_ready_seconds") == {
        (*place, "Starting"): 1800,
        ("CosmosReasoner", "a", "InternalError"): 3600,
    }
    assert seen("replicas_wanted")[place] == 3
    assert seen("replicas_ready")[place] == 1


def test_a_clock_that_is_behind_gives_no_negative_age() -> None:
    store = Store()
    put(store, "1", condition("Ready", "False", "Starting", "12:00:01"))
    assert set(counted(store)("not_ready_seconds").values()) == {0}


def test_gpus() -> None:
    store = Store()
    key = put(store, "1", spec={"replicas": 3})
    pod(store, key, "runs")
    pod(store, key, "waits", node="")
    pod(store, key, "asks", component="generator-access")
    pod(store, key, "failed", phase="Failed")
    other = put(store, "2", namespace="b", spec={"gpu": {"resourceName": "amd.com/gpu"}})
    pod(store, other, "amd", resource="amd.com/gpu")
    seen = counted(store)
    generators = {place: value for place, value in seen("gpus_requested").items() if value}
    assert generators == {
        ("CosmosGenerator", "a", "nvidia.com/gpu"): 24,
        ("CosmosGenerator", "b", "amd.com/gpu"): 8,
    }
    taken = {place: value for place, value in seen("gpus_allocated").items() if value}
    assert taken == {
        ("CosmosGenerator", "a", "nvidia.com/gpu"): 8,
        ("CosmosGenerator", "b", "amd.com/gpu"): 8,
    }


def test_servers_of_a_spec_that_is_refused_still_take_gpus() -> None:
    store = Store()
    key = put(store, "1", condition("Ready", "False", "InvalidSpec"), plan=None)
    pod(store, key, "runs")
    seen = counted(store)
    place = ("CosmosGenerator", "a", "nvidia.com/gpu")
    assert (seen("gpus_requested")[place], seen("gpus_allocated")[place]) == (0, 8)


@pytest.mark.parametrize(("namespaces", "shown"), [((), [""]), (("a", "b"), ["a", "b"])])
def test_a_kind_without_resources_is_zero_and_not_absent(
    namespaces: tuple[str, ...], shown: list[str]
) -> None:
    seen = counted(Store(), namespaces=namespaces)
    places = {(kind, name) for kind in ("CosmosGenerator", "CosmosReasoner") for name in shown}
    assert seen("resources") == dict.fromkeys(places, 0)
    assert seen("replicas_wanted") == seen("replicas_ready") == dict.fromkeys(places, 0)
    gpus = {(*place, "nvidia.com/gpu") for place in places}
    assert seen("gpus_requested") == seen("gpus_allocated") == dict.fromkeys(gpus, 0)


def test_a_deleted_resource_leaves_nothing_behind() -> None:
    store = Store()
    key = put(store, "1", condition("Ready", "False", "Starting"), namespace="gone")
    collector = FleetCollector(fleet=store, clock=lambda: NOW)
    asyncio.run(collector.look())
    assert [m for m in collector.collect() if any("gone" in s.labels.values() for s in m.samples)]
    body = store.resource(key)
    assert body is not None
    store.drop_resource(key, body)
    asyncio.run(collector.look())
    assert not [
        m for m in collector.collect() if any("gone" in s.labels.values() for s in m.samples)
    ]


def test_a_large_fleet_is_counted_in_slices() -> None:
    store = Store()
    for number in range(3 * SLICE):
        put(store, str(number))
    collector = FleetCollector(fleet=store, clock=lambda: NOW)
    assert turns_during(collector.look()) >= 3


def test_a_long_text_is_written_in_pieces_that_say_the_same() -> None:
    family = FAMILIES["cosmos3_operator_resources"]
    samples = [(("CosmosGenerator", str(number)), number) for number in range(1200)]
    texts: list[bytes] = []

    async def render() -> None:
        texts.append(await exposition.render([gauge(family, samples), gauge(family, [])]))

    assert turns_during(render()) >= 4
    lines = texts[0].decode().splitlines()
    assert lines[0].startswith("# HELP cosmos3_operator_resources")
    assert [line for line in lines if line.startswith("#")] == lines[:2] * 2
    assert [float(line.split()[-1]) for line in lines if line[0] != "#"] == list(range(1200))


def turns_during(work: Any) -> int:
    """Count how often somebody else has a turn."""

    async def main() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await work
        task.cancel()
        return turns

    return asyncio.run(main())


def test_ages_are_finite() -> None:
    store = Store()
    put(store, "1", condition("Ready", "False", "Starting"))
    assert all(map(math.isfinite, counted(store)("not_ready_seconds").values()))
