"""Compares what is claimed about a server with what the server's own code makes of the command.

In: claims and a verdict. Out: problems in words; none if they agree.
"""

from __future__ import annotations

from compat.ask import STEPS, Verdict
from compat.commands import Claims


def problems(claims: Claims, verdict: Verdict) -> list[str]:
    """Return everything that is wrong with one command."""
    if not claims.starts:
        return [] if verdict.error else ["is said to stop the server, which takes it"]
    if verdict.error is not None:
        return [f"not {STEPS[len(verdict.passed)]}: {verdict.error}"]
    claimed = {
        "world_size": ("the GPU limit", claims.gpus),
        "guardrails": ("the plan's guardrails", claims.guardrails),
        "offload_guardrail_models": (
            "the plan's guardrail offload",
            claims.offload_guardrail_models,
        ),
    }
    return [
        f"{name} {value} is not what the server resolves: {verdict.resolved[key]}"
        for key, (name, value) in claimed.items()
        if value is not None and verdict.resolved[key] != value
    ]
