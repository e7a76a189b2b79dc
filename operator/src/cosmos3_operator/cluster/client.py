"""Sends requests over one session that we own, and turns refusals into exceptions.

In: `Request` values. Out: the objects that the API server answered with. Every request is counted
through `on_request`, so that metrics need no second look at the traffic.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple, NoReturn, TypeVar

import aiohttp
from yarl import URL

from cosmos3_operator.cluster import errors, requests
from cosmos3_operator.cluster.requests import Request
from cosmos3_operator.cluster.trace import NO_TRACER, Tracer
from cosmos3_operator.cluster.types import ResourceType

OnRequest = Callable[[str, str, int, float], None]
"""Called with verb, resource, HTTP code (0: no answer) and seconds."""

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)
LOG_TIMEOUT = aiohttp.ClientTimeout(total=10)
"""A kubelet that does not answer is waited for by the API server, longer than we care to."""
LARGEST_PAGE = 500
LARGEST_ERROR = 64 * 1024


T = TypeVar("T")
Response = aiohttp.ClientResponse
_Read = Coroutine[Any, Any, T]


class Tail(NamedTuple):
    """The end of a text."""

    last: bytes
    total: int
    """Length of the whole."""


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
        self.tracer: Tracer = NO_TRACER

    async def get(self, resource: ResourceType, *, namespace: str | None, name: str) -> Any:
        """Read one object."""
        return await self.send(requests.get(resource, namespace=namespace, name=name))

    async def list(
        self,
        resource: ResourceType,
        *,
        namespace: str | None = None,
        selector: str = "",
        fields: str = "",
    ) -> AsyncIterator[Any]:
        """Yield every object of a collection, holding one page at a time."""
        token = ""
        while True:
            page = await self.send(
                requests.list_page(
                    resource,
                    namespace=namespace,
                    selector=selector,
                    fields=fields,
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

    async def create(
        self,
        resource: ResourceType,
        *,
        namespace: str | None,
        body: bytes,
        dry_run: bool = False,
    ) -> Any:
        """Create one object, or have it judged as if."""
        return await self.send(
            requests.create(resource, namespace=namespace, body=body, dry_run=dry_run)
        )

    async def merge(
        self, resource: ResourceType, *, namespace: str | None, name: str, body: bytes
    ) -> Any:
        """Change some fields of one object."""
        return await self.send(requests.merge(resource, namespace=namespace, name=name, body=body))

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

    async def read_log(self, request: Request, *, keep: int) -> Tail:
        """Read a text to its end, holding no more than its last bytes."""
        return await self._exchange(request, LOG_TIMEOUT, partial(_last_bytes, keep=keep))

    async def send(self, request: Request) -> Any:
        """Send one request; answer with the decoded body, or raise."""
        body = await self._exchange(request, REQUEST_TIMEOUT, _whole)
        return _decode(body, request=request)

    async def _exchange(
        self, request: Request, limits: aiohttp.ClientTimeout, read: Callable[[Response], _Read[T]]
    ) -> T:
        started = time.monotonic()
        code = 0
        with self.tracer.span("request", verb=request.verb, resource=request.resource) as span:
            try:
                async with self._session.request(
                    request.method,
                    URL(self._server + request.path, encoded=True),
                    data=request.body,
                    headers=request.headers,
                    timeout=limits,
                    allow_redirects=False,
                ) as response:
                    if response.status >= 300:
                        await _refuse(response, request=request)
                    body = await read(response)
                    code = response.status
                    return body
            except (aiohttp.ClientError, TimeoutError) as error:
                raise errors.Unavailable(f"{_what(request)}: {_describe(error)}") from error
            except (errors.Refused, errors.Unavailable) as error:
                code = error.code
                raise
            finally:
                self.on_request(request.verb, request.resource, code, time.monotonic() - started)
                span.note("code", code)


async def _whole(response: Response) -> bytes:
    return await response.read()


async def _last_bytes(response: Response, *, keep: int) -> Tail:
    chunks: deque[bytes] = deque()
    held = total = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        total += len(chunk)
        held += len(chunk)
        while held - len(chunks[0]) >= keep:
            held -= len(chunks.popleft())
    return Tail(b"".join(chunks)[-keep:], total)


async def _refuse(response: Response, *, request: Request) -> NoReturn:
    body = (await _last_bytes(response, keep=LARGEST_ERROR)).last
    retry_after = response.headers.get("Retry-After")
    raise errors.from_response(
        code=response.status,
        headers={"Retry-After": retry_after} if retry_after else {},
        body=body,
        what=_what(request),
    )


def _what(request: Request) -> str:
    return f"{request.method} {request.path.partition('?')[0]}"


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__


def _decode(body: bytes, *, request: Request) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise errors.Unavailable(f"{_what(request)}: the answer is not JSON") from error
