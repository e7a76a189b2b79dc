"""Dry runs on a real API server, many requests at once.

In: bodies. Out: what the server answers. Nothing is stored, unless a test asks for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from cosmos3_operator.api.resource import GROUP, VERSION, Kind, plural
from cosmos3_operator.cluster.kubeconfig import from_files
from cosmos3_operator.cluster.session import Sessions

Json = Mapping[str, Any]
DRY = {"dryRun": "All", "fieldValidation": "Strict"}
PLURALS = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "NetworkPolicy": "networkpolicies",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Service": "services",
}


@dataclass(frozen=True)
class Cause:
    """One thing that the API server found wrong."""

    path: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    message: str
    causes: tuple[Cause, ...]
    warnings: tuple[str, ...]
    body: Json

    @property
    def accepted(self) -> bool:
        return self.status < 300


class DryRun:
    """Asks the API server what it would do."""

    def __init__(self, session: aiohttp.ClientSession, server: str, runner: asyncio.Runner) -> None:
        self._session = session
        self._server = server
        self._runner = runner

    def create(self, bodies: Iterable[Json]) -> list[Answer]:
        """Create resources of our kinds."""
        return self._all(bodies, self._create)

    def store(self, body: Json) -> Answer:
        """Create one of our resources for real."""
        path = resources(body["kind"])
        return self._runner.run(self._send("POST", path, body, dryRun=""))

    def remove(self, body: Json) -> None:
        """Delete one of our resources for real."""
        path = f"{resources(body['kind'])}/{body['metadata']['name']}"
        self._runner.run(self._send("DELETE", path, {}, dryRun=""))

    def apply(self, children: Iterable[Json]) -> list[Answer]:
        """Server-side-apply children, as the operator does."""
        return self._all(children, self._apply)

    def replace(self, bodies: Iterable[Json]) -> list[Answer]:
        """Replace stored resources; a body needs the resourceVersion of what it replaces."""
        return self._all(bodies, self._replace)

    def _all(
        self, bodies: Iterable[Json], send: Callable[[Json], Awaitable[Answer]]
    ) -> list[Answer]:
        async def gather() -> list[Answer]:
            return await asyncio.gather(*map(send, bodies))

        return self._runner.run(gather())

    async def _create(self, body: Json) -> Answer:
        return await self._send("POST", resources(body["kind"]), body)

    async def _replace(self, body: Json) -> Answer:
        path = f"{resources(body['kind'])}/{body['metadata']['name']}"
        return await self._send("PUT", path, body)

    async def _apply(self, child: Json) -> Answer:
        version, metadata = child["apiVersion"], child["metadata"]
        root = "/api" if "/" not in version else "/apis"
        path = (
            f"{root}/{version}/namespaces/{metadata['namespace']}/{PLURALS[child['kind']]}"
            f"/{quote(metadata['name'])}"
        )
        return await self._send("PATCH", path, child, fieldManager="test", force="true")

    async def _send(self, method: str, path: str, body: Json, **query: str) -> Answer:
        apply = method == "PATCH"
        kind = "application/apply-patch+yaml" if apply else "application/json"
        async with self._session.request(
            method,
            self._server + path,
            params={name: value for name, value in (DRY | query).items() if value},
            data=json.dumps(_as_go_writes(body)),
            headers={"Content-Type": kind},
        ) as response:
            warnings = tuple(response.headers.getall("Warning", ()))
            return _answer(response.status, await response.json(), warnings)


@contextmanager
def dry_run(kubeconfig: Path) -> Iterator[DryRun]:
    """Yield a connection to the API server of a kubeconfig."""
    with asyncio.Runner() as runner:

        async def open_session() -> tuple[aiohttp.ClientSession, str]:
            sessions = Sessions(from_files([kubeconfig]), user_agent="cosmos3-tests")
            await sessions.prove()
            return sessions.open(limit=16), sessions.server

        session, server = runner.run(open_session())
        try:
            yield DryRun(session, server, runner)
        finally:
            runner.run(session.close())


def resources(kind: str) -> str:
    """Return the API path of our resources in the namespace that tests use."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/default/{plural(Kind(kind))}"


def _as_go_writes(value: Any) -> Any:
    """Return a value as kubectl sends it: Go writes 2.0 as 2."""
    if isinstance(value, dict):
        return {name: _as_go_writes(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_go_writes(part) for part in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e21
    return int(value) if whole else value


def _answer(status: int, body: Json, warnings: tuple[str, ...]) -> Answer:
    if status < 300:
        return Answer(status, "", (), warnings, body)
    found = (body.get("details") or {}).get("causes") or ()
    causes = tuple(Cause(c.get("field", ""), c.get("message", "")) for c in found)
    return Answer(status, body.get("message", ""), causes, warnings, body)
