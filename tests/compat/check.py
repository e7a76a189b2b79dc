"""Compares what is claimed about a server with what the server's own code makes of the command.

In: claims and a verdict. Out: problems in words; none if they agree.
"""

from __future__ import annotations

from dataclasses import asdict

from compat.ask import STEPS, Verdict
from compat.commands import Claims

_NAMES = {
    "gpus": ("world_size", "the GPU limit"),
    "guardrails": ("guardrails", "the plan's guardrails"),
    "offload_guardrail_models": ("offload_guardrail_models", "the plan's guardrail offload"),
    "robots": ("robots", "the plan's websocket for robots"),
}


def problems(claims: Claims, verdict: Verdict) -> list[str]:
    """Return everything that is wrong with one command."""
    if verdict.error is not None:
        step = STEPS[len(verdict.passed)]
        return [f"not {step}: {verdict.error}"]
    found = []
    for claim, claimed in asdict(claims).items():
        key, name = _NAMES[claim]
        if claimed is not None and verdict.resolved[key] != claimed:
            found.append(
                f"{name} {claimed} is not what the server resolves: {verdict.resolved[key]}"
            )
    return found
