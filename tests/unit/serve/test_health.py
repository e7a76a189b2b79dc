"""Probes and scrapes over HTTP."""

from __future__ import annotations

import aiohttp

from cosmos3_operator.serve.health import STUCK_SECONDS, Health, Server, make_app
from cosmos3_operator.serve.metrics import Metrics
from fakes.loop import run_async


def test_probes_and_metrics() -> None:
    async def main() -> None:
        troubles: list[str] = ["pods: not watched yet"]
        age = [0.0]
        metrics = Metrics(version="1.2.3")
        health = Health(troubles=lambda: troubles, longest_pass=lambda: age[0])
        metrics.gauges.ask_one("cosmos3_operator_ready", value=health.is_ready)
        server = Server(make_app(health=health, metrics=metrics))
        host, port = await server.start(host="127.0.0.1", port=0)
        assert port > 0
        try:
            async with aiohttp.ClientSession(f"http://{host}:{port}") as session:

                async def get(path: str) -> tuple[int, str]:
                    async with session.get(path) as response:
                        return response.status, await response.text()

                assert await get("/readyz") == (503, "pods: not watched yet\n")
                assert "cosmos3_operator_ready 0.0" in (await get("/metrics"))[1]
                troubles.clear()
                assert await get("/readyz") == (200, "ok\n")
                assert await get("/healthz") == (200, "ok\n")
                age[0] = STUCK_SECONDS + 1
                status, text = await get("/healthz")
                assert status == 503
                assert "301 s" in text
                assert (await get("/other"))[0] == 404
                _, text = await get("/metrics")
        finally:
            await server.stop()
        assert "cosmos3_operator_ready 1.0" in text

    run_async(main)
