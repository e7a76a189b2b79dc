"""Prepare a control plane: the kinds, a warm API server, a backlog. Never timed.

An API server that has just started spends its first second on schemas that it builds once. Without
a warm-up both subjects would pay for it alike, and look more alike than they are.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp

from bench import access
from bench.errors import BenchError
from bench.floor import prepared, send_all
from bench.workload import NAMESPACE, Body, expected, resources
from cosmos3_operator.api.crds import crd
from cosmos3_operator.api.resource import Kind
from cosmos3_operator.cluster.requests import path_of
from cosmos3_operator.reconcile.kinds import CHILDREN, RESOURCES

LOADERS = 16
WARM_UP = "warm-up"
WARM_UPS = 60
PATIENCE_SECONDS = 120.0
_NAMESPACES = "/api/v1/namespaces"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def prepare(session: aiohttp.ClientSession) -> None:
    """Install the kinds and warm up; both namespaces are empty afterwards."""
    for kind in Kind:
        await access.post(session, _CRDS, crd(kind))
    for namespace in (NAMESPACE, WARM_UP):
        await access.post(session, _NAMESPACES, {"metadata": {"name": namespace}})
    await _until_served(session)
    stored = await load(session, resources(WARM_UPS, namespace=WARM_UP))
    requests = [request for body in stored for request in expected(body).requests]
    await send_all(session, prepared(requests), workers=LOADERS)
    for resource in (*RESOURCES.values(), *CHILDREN.values()):
        await _clear(session, path_of(resource, namespace=WARM_UP))


async def load(session: aiohttp.ClientSession, bodies: list[dict[str, Any]]) -> list[Body]:
    """Create all bodies, and answer with them as they were stored."""
    waiting = iter(bodies)
    stored: list[Body] = []

    async def loader() -> None:
        for body in waiting:
            path = path_of(RESOURCES[body["kind"]], namespace=body["metadata"]["namespace"])
            stored.append(await access.post(session, path, body))

    await asyncio.gather(*(loader() for _ in range(LOADERS)))
    return sorted(stored, key=lambda body: str(body["metadata"]["name"]))


async def _clear(session: aiohttp.ClientSession, path: str) -> None:
    await access.delete(session, path)
    for item in (await access.get_json(session, path))["items"]:
        # Claims are protected from deletion, and no controller runs that would end that.
        await access.merge(
            session, f"{path}/{item['metadata']['name']}", {"metadata": {"finalizers": None}}
        )
    if (await access.get_json(session, path))["items"]:
        raise BenchError(f"the warm-up left something in {path}")


async def _until_served(session: aiohttp.ClientSession) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for resource in RESOURCES.values():
        while not await _is_served(session, path_of(resource)):
            if time.monotonic() > deadline:
                raise BenchError(f"the API server does not serve {resource.plural}")
            await asyncio.sleep(0.1)


async def _is_served(session: aiohttp.ClientSession, path: str) -> bool:
    async with session.get(path) as response:
        return response.status == 200
