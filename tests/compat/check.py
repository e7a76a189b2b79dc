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
    return [
        f"{name} is {value} for the pod and {verdict.resolved[name]} for the server"
        for name, value in claims.values.items()
        if verdict.resolved[name] != value
    ]
