"""The preStop hook: let running work end before the server is told to stop.

vLLM-Omni loses its work on SIGTERM, so a Generator waits until its own job list is idle, bounded. A
server that refuses connections is gone; one that is slow to answer may be busy, and gets patience.
Synchronous requests are not in that list: they are seen in the gauges, where these follow arrivals.
On older versions a Service stops sending them, and running ones may be lost.
vLLM drains by itself (`--shutdown-timeout`), so a Reasoner only waits until the pod has left the
Service's endpoints.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from cosmos3_operator.api.resource import Kind
from cosmos3_operator.plan.paths import PORT
from cosmos3_operator.plan.types import Plan

ENDPOINT_REMOVAL_SECONDS = 10
"""Until every node has noticed that the pod left the Service: judgement."""


def drain_hook(plan: Plan) -> dict[str, Any]:
    """Return the preStop hook."""
    if plan.owner.kind is Kind.REASONER:
        return {"sleep": {"seconds": ENDPOINT_REMOVAL_SECONDS}}
    limits = (PORT, plan.drain.drain_seconds, ENDPOINT_REMOVAL_SECONDS)
    words = [*map(str, limits), plan.drain.gauges]
    return {"exec": {"command": ["python3", "-c", _script(), *words]}}


@cache
def _script() -> str:
    source = resources.files("cosmos3_operator.manifests") / "templates" / "drain.py.txt"
    return source.read_text()
