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
        metrics.watch_depth(lambda: 7)
        metrics.watch_ready(health.is_ready)
        metrics.on_pass("CosmosGenerator", "success", 0.1)
        metrics.on_wait(0.1)
        metrics.on_request("patch", "services", 201, 0.01)
        metrics.on_request("watch", "services", 200, 0.01)
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
        for line in (
            'cosmos3_operator_reconcile_total{kind="CosmosGenerator",result="success"} 1.0',
            'cosmos3_operator_reconcile_seconds_count{kind="CosmosGenerator"} 1.0',
            "cosmos3_operator_queue_depth 7.0",
            "cosmos3_operator_queue_wait_seconds_count 1.0",
            'cosmos3_operator_api_requests_total{code="201",resource="services",verb="patch"} 1.0',
            'cosmos3_operator_build_info{version="1.2.3"} 1.0',
            "cosmos3_operator_ready 1.0",
        ):
            assert line in text

    run_async(main)
