"""Events as the API server takes them, and the patch of one that happens again."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import NotFound
from cosmos3_operator.cluster.events import (
    EVENTS,
    INSTANCE_BYTES,
    NAME_BYTES,
    NOTE_BYTES,
    Events,
    News,
    Regarding,
    Reporter,
    Written,
    event,
    fitting,
)
from fakes.apiserver import FakeApiServer
from fakes.loop import run_async
from fakes.objects import Place

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NEWS = News(type="Warning", reason="OutOfMemory", note="too little", action="Reconcile")
REPORTER = Reporter(controller="cosmos3-operator", instance="pod-1")
BODY = {
    "apiVersion": "serving.cosmos3.io/v1alpha1",
    "kind": "CosmosGenerator",
    "metadata": {"name": "super", "namespace": "team", "uid": "u", "resourceVersion": "7"},
}


def regarding(name: str = "super") -> Regarding:
    return Regarding.of({**BODY, "metadata": {**BODY["metadata"], "name": name}})  # type: ignore[dict-item]


def test_an_event() -> None:
    assert event(NEWS, regarding(), reporter=REPORTER, now=NOW) == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "team", "name": "super.1886caf2450d6708"},
        "eventTime": "2026-01-02T03:04:05.678901Z",
        "type": "Warning",
        "reason": "OutOfMemory",
        "note": "too little",
        "action": "Reconcile",
        "reportingController": "cosmos3-operator",
        "reportingInstance": "pod-1",
        "regarding": {
            "apiVersion": "serving.cosmos3.io/v1alpha1",
            "kind": "CosmosGenerator",
            "namespace": "team",
            "name": "super",
            "uid": "u",
            "resourceVersion": "7",
        },
    }


def test_lengths_are_kept() -> None:
    long = News(type="Normal", reason="Serving", note="×" * 2000, action="Reconcile")
    reporter = Reporter(controller="c", instance="h" * 300)
    body = event(long, regarding("n" * 253), reporter=reporter, now=NOW)
    assert len(body["note"].encode()) <= NOTE_BYTES
    assert body["note"].endswith("×…")
    assert len(body["reportingInstance"]) == INSTANCE_BYTES
    assert len(body["metadata"]["name"]) == NAME_BYTES


@given(st.text(), st.integers(8, 64))
def test_a_text_is_cut_between_characters_and_only_if_it_must(text: str, limit: int) -> None:
    cut = fitting(text, limit)
    assert len(cut.encode()) <= limit
    assert cut == text if len(text.encode()) <= limit else text.startswith(cut[:-1].rstrip("…"))


def test_they_are_created_and_repeated() -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server, aiohttp.ClientSession() as session:
            events = Events(Client(session=session, server=server.url, manager="m"))
            body = event(NEWS, regarding(), reporter=REPORTER, now=NOW)
            written = await events.create(body)
            await events.repeat(written, count=2, now=NOW)
            live = server.objects.get(Place(EVENTS.group, EVENTS.plural, "team", written.name))
            assert live["note"] == "too little"
            assert live["series"] == {"count": 2, "lastObservedTime": "2026-01-02T03:04:05.678901Z"}
            created, repeated = server.writes()
            assert (created.method, repeated.method) == ("POST", "PATCH")
            assert created.path == f"{EVENTS.root}/namespaces/team/events"
            assert set(repeated.body) == {"series"}
            with pytest.raises(NotFound):
                await events.repeat(Written("team", "gone"), count=2, now=NOW)

    run_async(main)
