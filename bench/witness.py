"""An independent watcher: sees what exists, and when, through the API server alone.

In: what must come to be. Out: the times of the first write and of the one that made all complete.
It sees the same for the operator and for the bare client; neither knows of it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bench import access
from bench.errors import BenchError
from bench.workload import NAMESPACE
from cosmos3_operator.cluster.requests import path_of
from cosmos3_operator.cluster.types import ResourceType
from cosmos3_operator.reconcile.kinds import CHILDREN, RESOURCES

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
WATCH_SECONDS = 3600

Name = tuple[str, str]


class Witness:
    """Keeps count of what has not come yet."""

    def __init__(self, *, children: Iterable[Name], resources: Iterable[Name]) -> None:
        self._children = set(children)
        self._resources = set(resources)
        self._complete = asyncio.Event()
        self.first: float | None = None
        self.last: float | None = None
        self.changes: Counter[str] = Counter()
        """Changes seen so far, by kind."""

    def saw(self, kind: str, body: dict[str, Any], *, at: float) -> None:
        """Take in one change."""
        self.changes[kind] += 1
        self.first = at if self.first is None else self.first
        name = (kind, body["metadata"]["name"])
        if kind in CHILDREN:
            self._children.discard(name)
        elif is_observed(body):
            self._resources.discard(name)
        if not self._children and not self._resources and self.last is None:
            self.last = at
            self._complete.set()

    async def complete(self, *, within: float) -> None:
        """Wait until everything has come."""
        try:
            await asyncio.wait_for(self._complete.wait(), within)
        except TimeoutError:
            missing = f"{len(self._children)} children and {len(self._resources)} statuses"
            raise BenchError(f"{missing} are still missing after {within:.0f} s") from None

    @asynccontextmanager
    async def watching(self, session: aiohttp.ClientSession) -> AsyncIterator[None]:
        """Watch every kind while the block runs."""
        tasks = [
            asyncio.create_task(self._watch(session, kind, await _version(session, kind)))
            for kind in (*RESOURCES.values(), *CHILDREN.values())
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if not isinstance(result, asyncio.CancelledError):
                raise BenchError(f"the watcher lost a watch: {result}")

    async def _watch(
        self, session: aiohttp.ClientSession, resource: ResourceType, version: str
    ) -> None:
        query = {
            "watch": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        path = path_of(resource, namespace=NAMESPACE, query=query)
        accept = METADATA_ONLY if resource.kind in CHILDREN else "application/json"
        timeout = aiohttp.ClientTimeout(total=None)
        async with session.get(path, headers={"Accept": accept}, timeout=timeout) as response:
            if response.status != 200:
                raise BenchError(f"GET {path} answered {response.status}")
            async for line in _lines(response.content):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise BenchError(str(event["object"]))
                self.saw(resource.kind, event["object"], at=time.monotonic())


def is_observed(body: dict[str, Any]) -> bool:
    """Whether the status speaks of the present spec."""
    status = body.get("status") or {}
    return bool(status.get("observedGeneration") == body["metadata"]["generation"])


async def _version(session: aiohttp.ClientSession, resource: ResourceType) -> str:
    path = path_of(resource, namespace=NAMESPACE, query={"limit": "1"})
    return str((await access.get_json(session, path))["metadata"]["resourceVersion"])


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield whole lines of any length."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
