"""Whether guardrails are what the resource says: off when Disabled, fatal when they cannot be on.

The one line that vLLM-Omni writes before it loads them is what both checks look for: it must be
there when they are on, or its absence would prove nothing when they are off.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from bed.progress import Say
from servers.errors import CheckFailed, StartFailed
from servers.start import Server
from servers.trial import Outcome

LOADING = "Initializing Cosmos3 guardrails"
REPOSITORY = "Cosmos-1.0-Guardrail"
"""The gated repository, which no environment of wheels contains."""


def are_off(server: Server) -> str:
    """The server was told so by its deploy config, and loads none."""
    if not any("guardrails: false" in text for text in server.words.files.values()):
        raise CheckFailed(f"the deploy config does not say so: {dict(server.words.files)}")
    if LOADING in server.log:
        raise CheckFailed(f"the log says {LOADING!r}")
    return f"the deploy config says so, and the log never says {LOADING!r}"


def enabled_without_weights(resource: Mapping[str, Any], *, say: Say) -> Outcome:
    """Start with guardrails where their weights are not to be had: that must not succeed."""
    began = time.monotonic()
    seen, failed = _enabled_without_weights(resource, say)
    return Outcome(
        server="vllm-omni",
        check="guardrails Enabled: no start without their weights",
        failed=failed,
        detail=seen,
        seconds=time.monotonic() - began,
    )


def _enabled_without_weights(resource: Mapping[str, Any], say: Say) -> tuple[str, bool]:
    try:
        with Server(resource, say=say):
            return "it started: guardrails are not on, though the resource says so", True
    except StartFailed as error:
        told = [line for line in error.log.splitlines() if REPOSITORY in line]
        if LOADING not in error.log or not told:
            return f"it ended for another reason: {error}", True
        return told[0].strip(), False
