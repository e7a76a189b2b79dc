"""Sending: every answer of the API server becomes a value or the right exception."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cosmos3_operator.cluster import errors, requests
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.types import ResourceType
from fakes.loop import run_async

PODS = ResourceType(group="", version="v1", kind="Pod", plural="pods")
SERVICES = ResourceType(group="", version="v1", kind="Service", plural="services")


@asynccontextmanager
async def answering(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[Any]:
    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    counted: list[tuple[str, str, int]] = []
    try:
        async with aiohttp.ClientSession() as session:
            client = Client(
                session=session,
                server=f"http://127.0.0.1:{runner.addresses[0][1]}/",
                manager="me",
                on_request=lambda verb, what, code, _: counted.append((verb, what, code)),
            )
            yield client, counted
    finally:
        await runner.cleanup()


def refusal(code: int, **more: Any) -> Callable[[web.Request], web.Response]:
    status = {"kind": "Status", "code": code, "reason": "Because", "message": "no", **more}
    return lambda _: web.json_response(status, status=code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, errors.Refused),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (422, errors.Unprocessable),
        (429, errors.Unavailable),
        (500, errors.Unavailable),
        (503, errors.Unavailable),
    ],
)
def test_codes_become_exceptions(code: int, expected: type[Exception]) -> None:
    async def main() -> None:
        async with answering(refusal(code)) as (client, counted):
            with pytest.raises(expected) as caught:
                await client.get(SERVICES, namespace="a", name="b")
            assert type(caught.value) is expected
            assert counted == [("get", "services", code)]

    run_async(main)


@pytest.mark.parametrize(
    ("headers", "details", "expected"),
    [
        ({"Retry-After": "7"}, {}, 7.0),
        ({}, {"retryAfterSeconds": 3}, 3.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}, None),
        ({}, {}, None),
    ],
)
def test_retry_after(headers: dict[str, str], details: Any, expected: float | None) -> None:
    status = {"kind": "Status", "details": details}
    error = errors.from_response(
        code=429, headers=headers, body=json.dumps(status).encode(), what="x"
    )
    assert isinstance(error, errors.Unavailable)
    assert error.retry_after == expected


@pytest.mark.parametrize(
    ("code", "field", "expected"),
    [(409, "", True), (422, "metadata.uid", True), (422, "spec.replicas", False)],
)
def test_another_object_has_the_name(code: int, field: str, expected: bool) -> None:
    status = {"kind": "Status", "details": {"causes": [{"field": field}]}}
    error = errors.from_response(code=code, headers={}, body=json.dumps(status).encode(), what="x")
    assert isinstance(error, errors.Refused)
    assert error.is_other_object is expected


def test_nobody_there() -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            counted: list[int] = []
            client = Client(
                session=session,
                server="http://127.0.0.1:1",
                manager="me",
                on_request=lambda *args: counted.append(args[2]),
            )
            with pytest.raises(errors.Unavailable):
                await client.get(SERVICES, namespace="a", name="b")
            assert counted == [0]

    run_async(main)


@pytest.mark.parametrize("body", [b"<html>", b""])
def test_an_answer_that_is_not_json(body: bytes) -> None:
    async def main() -> None:
        async with answering(lambda _: web.Response(body=body)) as (client, _):
            with pytest.raises(errors.Unavailable, match="not JSON"):
                await client.get(SERVICES, namespace="a", name="b")

    run_async(main)


def test_a_redirect_is_not_followed() -> None:
    def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    async def main() -> None:
        async with answering(elsewhere) as (client, _):
            with pytest.raises(errors.Refused):
                await client.get(SERVICES, namespace="a", name="b")

    run_async(main)


def test_lists_are_read_page_by_page() -> None:
    pages = {"": ([1, 2], "next"), "next": ([3], "")}

    def answer(request: web.Request) -> web.Response:
        items, token = pages[request.query.get("continue", "")]
        return web.json_response({"items": items, "metadata": {"continue": token}})

    async def main() -> None:
        async with answering(answer) as (client, counted):
            assert [item async for item in client.list(SERVICES)] == [1, 2, 3]
            assert len(counted) == 2

    run_async(main)


REQUEST = requests.read_log(
    PODS, namespace="a", name="p", container="c", is_previous=False, lines=5, limit=9
)


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 500_000])
def test_of_a_long_text_only_the_end_is_held(length: int) -> None:
    text = bytes(index % 251 for index in range(length))

    async def main() -> None:
        async with answering(lambda _: web.Response(body=text)) as (client, counted):
            assert await client.read_log(REQUEST, keep=100) == (text[-100:], length)
            assert counted == [("get", "pods/log", 200)]

    run_async(main)


def test_a_log_that_is_refused_raises_as_everything_else_does() -> None:
    async def main() -> None:
        async with answering(refusal(403)) as (client, counted):
            with pytest.raises(errors.Forbidden):
                await client.read_log(REQUEST, keep=100)
            assert counted == [("get", "pods/log", 403)]

    run_async(main)
