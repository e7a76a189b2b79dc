"""A status is written to the resource that it is about, or to none.

On a real API server, since this rests on what it compares: for the status of a custom resource, a
resourceVersion and not a uid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.kubeconfig import find_access
from cosmos3_operator.cluster.session import Sessions
from cosmos3_operator.reconcile.kinds import MANAGER, Key
from cosmos3_operator.reconcile.status_writer import StatusWriter
from cosmos3_operator.reconcile.store import Store
from support.api import NOT_LOOKED_AT, Api
from support.resources import generator
from support.waiting import eventually

pytestmark = pytest.mark.cluster

STATUS = {"observedGeneration": 1, "replicas": 7}


def write(kubeconfig: Path, seen: dict[str, Any]) -> bool:
    """Write the status of a resource as it was seen once; whether it was written."""
    metadata = seen["metadata"]
    key = Key(seen["kind"], metadata["namespace"], metadata["name"])

    async def through(client: Client) -> bool:
        store = Store()
        store.put_resource(key, seen)
        return await StatusWriter(client=client, store=store).write(key, metadata["uid"], STATUS)

    return asyncio.run(_with_client(kubeconfig, through))


async def _with_client(kubeconfig: Path, use: Callable[[Client], Awaitable[bool]]) -> bool:
    access = find_access(kubeconfig=kubeconfig, context=None, environ={})
    sessions = Sessions(access, user_agent="test")
    async with sessions.open(limit=2) as session:
        return await use(Client(session=session, server=access.server, manager=MANAGER))


@pytest.fixture
def seen(api: Api, namespace: str, crds_installed: None) -> dict[str, Any]:
    return api.create(generator("super", namespace))


def status_of(api: Api, seen: dict[str, Any]) -> dict[str, Any]:
    live = api.get(api.path(seen))
    assert live is not None
    return dict(live.get("status") or {})


def test_it_lands_on_the_resource(api: Api, kubeconfig: Path, seen: dict[str, Any]) -> None:
    assert write(kubeconfig, seen)
    assert status_of(api, seen) == STATUS


def test_it_never_lands_on_a_successor_of_the_same_name(
    api: Api, kubeconfig: Path, seen: dict[str, Any], namespace: str
) -> None:
    api.delete(api.path(seen))
    eventually(lambda: api.get(api.path(seen)), lambda live: live is None, what="its end")
    api.create(generator("super", namespace))
    assert not write(kubeconfig, seen)
    assert status_of(api, seen) == NOT_LOOKED_AT


def test_it_is_dropped_when_nothing_has_the_name(
    api: Api, kubeconfig: Path, seen: dict[str, Any]
) -> None:
    api.delete(api.path(seen))
    eventually(lambda: api.get(api.path(seen)), lambda live: live is None, what="its end")
    assert not write(kubeconfig, seen)


def test_it_is_dropped_when_the_spec_has_changed(
    api: Api, kubeconfig: Path, seen: dict[str, Any]
) -> None:
    api.merge(api.path(seen), {"spec": {"replicas": 2}})
    assert not write(kubeconfig, seen)
    assert status_of(api, seen) == NOT_LOOKED_AT


def test_it_is_sent_again_when_only_a_label_has(
    api: Api, kubeconfig: Path, seen: dict[str, Any]
) -> None:
    api.merge(api.path(seen), {"metadata": {"labels": {"team": "robots"}}})
    assert write(kubeconfig, seen)
    assert status_of(api, seen) == STATUS
