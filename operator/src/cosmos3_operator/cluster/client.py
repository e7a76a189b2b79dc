"""Sends requests over one session that we own, and turns refusals into exceptions.

In: `Request` values. Out: the objects that the API server answered with. Every request is counted
through `on_request`, so that metrics need no second look at the traffic.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from yarl import URL

from cosmos3_operator.cluster import errors, requests
from cosmos3_operator.cluster.requests import Request
from cosmos3_operator.cluster.types import ResourceType

OnRequest = Callable[[str, str, int, float], None]
"""Called with verb, resource, HTTP code (0: no answer) and seconds."""

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)
LARGEST_PAGE = 500


def ignore_request(verb: str, resource: str, code: int, seconds: float) -> None:
    """Count nothing."""


class Client:
    """The few verbs the operator needs, on any kind of resource."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        server: str,
        manager: str,
        on_request: OnRequest = ignore_request,
    ) -> None:
        self._session = session
        self._server = server.rstrip("/")
        self._manager = manager
        self.on_request = on_request

    async def get(self, resource: ResourceType, *, namespace: str | None, name: str) -> Any:
        """Read one object."""
        return await self.send(requests.get(resource, namespace=namespace, name=name))

    async def list(
        self, resource: ResourceType, *, namespace: str | None = None, selector: str = ""
    ) -> AsyncIterator[Any]:
        """Yield every object of a collection, holding one page at a time."""
        token = ""
        while True:
            page = await self.send(
                requests.list_page(
                    resource,
                    namespace=namespace,
                    selector=selector,
                    limit=LARGEST_PAGE,
                    token=token,
                )
            )
            for item in page.get("items") or ():
                yield item
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    async def apply(
        self,
        resource: ResourceType,
        *,
        namespace: str | None,
        name: str,
        body: bytes,
        force: bool = False,
    ) -> Any:
        """Server-side apply; answers with the live object."""
        return await self.send(
            requests.apply(
                resource,
                namespace=namespace,
                name=name,
                body=body,
                manager=self._manager,
                force=force,
            )
        )

    async def apply_status(
        self, resource: ResourceType, *, namespace: str | None, name: str, body: bytes
    ) -> Any:
        """Server-side apply of the status, which nobody else may own."""
        return await self.send(
            requests.apply(
                resource,
                namespace=namespace,
                name=name,
                body=body,
                manager=self._manager,
                force=True,
                subresource="status",
            )
        )

    async def delete(
        self, resource: ResourceType, *, namespace: str | None, name: str, uid: str
    ) -> None:
        """Delete the object with this very uid."""
        await self.send(requests.delete(resource, namespace=namespace, name=name, uid=uid))

    async def send(self, request: Request) -> Any:
        """Send one request; answer with the decoded body, or raise."""
        started = time.monotonic()
        code = 0
        try:
            code, headers, body = await self._exchange(request)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise errors.Unavailable(f"{_what(request)}: {_describe(error)}") from error
        finally:
            self.on_request(request.verb, request.resource, code, time.monotonic() - started)
        if code >= 300:
            raise errors.from_response(code=code, headers=headers, body=body, what=_what(request))
        return _decode(body, request=request)

    async def _exchange(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        async with self._session.request(
            request.method,
            URL(self._server + request.path, encoded=True),
            data=request.body,
            headers=request.headers,
            timeout=REQUEST_TIMEOUT,
            allow_redirects=False,
        ) as response:
            body = await response.read()
            retry_after = response.headers.get("Retry-After")
            return response.status, {"Retry-After": retry_after} if retry_after else {}, body


def _what(request: Request) -> str:
    return f"{request.method} {request.path.partition('?')[0]}"


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__


def _decode(body: bytes, *, request: Request) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise errors.Unavailable(f"{_what(request)}: the answer is not JSON") from error
