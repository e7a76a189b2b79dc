"""The benchmark's own way to the API server, apart from everything that is measured."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.errors import BenchError

TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, kw_only=True)
class Access:
    """An address and who we are."""

    server: str
    ca: Path
    cert: Path
    key: Path

    @asynccontextmanager
    async def session(self, *, limit: int) -> AsyncIterator[aiohttp.ClientSession]:
        """Open a session with at most `limit` connections; 0 is no limit."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.cert, self.key)
        connector = aiohttp.TCPConnector(ssl=context, limit=limit)
        async with aiohttp.ClientSession(
            self.server, connector=connector, timeout=TIMEOUT
        ) as session:
            yield session


async def get_json(session: aiohttp.ClientSession, path: str) -> Any:
    """Read an object or a collection."""
    async with session.get(path) as response:
        if response.status != 200:
            raise BenchError(f"GET {path} answered {response.status}: {await response.text()}")
        return await response.json()


async def get_text(session: aiohttp.ClientSession, path: str) -> str:
    """Read a page."""
    async with session.get(path) as response:
        if response.status != 200:
            raise BenchError(f"GET {path} answered {response.status}: {await response.text()}")
        return await response.text()


async def delete(session: aiohttp.ClientSession, path: str) -> None:
    """Delete an object or a collection."""
    async with session.delete(path) as response:
        if response.status != 200:
            raise BenchError(f"DELETE {path} answered {response.status}: {await response.text()}")


async def merge(session: aiohttp.ClientSession, path: str, body: Any) -> None:
    """Change an object by a merge patch."""
    headers = {"Content-Type": "application/merge-patch+json"}
    async with session.patch(path, data=json.dumps(body), headers=headers) as response:
        if response.status != 200:
            raise BenchError(f"PATCH {path} answered {response.status}: {await response.text()}")


async def post(session: aiohttp.ClientSession, path: str, body: Any) -> Any:
    """Create an object; answers with it as it was stored."""
    async with session.post(path, json=body) as response:
        if response.status != 201:
            raise BenchError(f"POST {path} answered {response.status}: {await response.text()}")
        return await response.json()
