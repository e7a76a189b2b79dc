"""Answers probes and scrapes on one port.

In: functions that say what is wrong. Out: /healthz, /readyz and /metrics. Liveness never depends
on the API server: a restart would not bring it back.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from cosmos3_operator.serve.metrics import Metrics

STUCK_SECONDS = 300.0
SHUTDOWN_SECONDS = 1.0

Troubles = Callable[[], list[str]]


class Health:
    """What the probes report."""

    def __init__(self, *, troubles: Troubles, longest_pass: Callable[[], float]) -> None:
        self._troubles = troubles
        self._longest_pass = longest_pass

    def liveness(self) -> list[str]:
        """Return why the process should be restarted."""
        age = self._longest_pass()
        return [f"a pass has been running for {age:.0f} s"] if age > STUCK_SECONDS else []

    def readiness(self) -> list[str]:
        """Return why the operator cannot do its work."""
        return self._troubles()

    def is_ready(self) -> bool:
        """Whether the operator does its work."""
        return not self.readiness()


def make_app(*, health: Health, metrics: Metrics) -> web.Application:
    """Build the web application."""

    async def healthz(_: web.Request) -> web.Response:
        return _answer(health.liveness())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(health.readiness())

    async def scrape(_: web.Request) -> web.Response:
        text = await metrics.render()
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", scrape)
    return app


class Server:
    """Listens on one address."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    async def start(self, *, host: str, port: int) -> tuple[str, int]:
        """Listen; answer with the real address, since port 0 means any."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        address = self._runner.addresses[0]
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Close the port and its connections."""
        await self._runner.cleanup()


def _answer(troubles: list[str]) -> web.Response:
    if not troubles:
        return web.Response(text="ok\n")
    return web.Response(status=503, text="\n".join(troubles) + "\n")
