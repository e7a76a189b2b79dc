"""Asks a server's own code, in its environment, what it makes of commands.

In: an environment, an engine, command lines. Out: one verdict for each command, and the flags of
that version if they were asked for. A process for each question: importing takes 10 to 30 s.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compat.errors import CompatError
from compat.recipes import HERE, Engine
from compat.store import Environment

STEPS = ("parsed", "validated", "resolved")
_TAIL_LINES = 25


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words after `vllm serve`, and the files that they name, as a pod has them."""

    args: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    """Text by path."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How far a command got, and what the server would run."""

    passed: tuple[str, ...]
    """The first of STEPS, up to all."""
    error: str | None
    """The server's reason not to go on."""
    resolved: Mapping[str, Any]
    """`world_size`; of vLLM-Omni also degrees, offloads, guardrails and robots. Empty after an
    error."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one version says."""

    verdicts: tuple[Verdict, ...]
    flags: Mapping[str, Mapping[str, Any]]
    """Empty if not asked for, and so is the next one."""
    refused_at_start: Mapping[str, str] | None
    """None for plain vLLM, which was not tried for it."""


def ask(
    environment: Environment, engine: Engine, commands: Sequence[Words], *, snapshot: bool
) -> Answer:
    """Put all commands to one version of a server.

    Raises CompatError if its code cannot be driven at all.
    """
    request = {
        "engine": engine,
        "commands": [{"args": list(c.args), "files": dict(c.files)} for c in commands],
        "snapshot": snapshot,
    }
    done = subprocess.run(
        [environment.python, "-m", "compat.inside"],
        input=json.dumps(request),
        env=_variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join(f"  | {line}" for line in done.stderr.splitlines()[-_TAIL_LINES:])
        raise CompatError(
            f"{engine} in {environment.folder} cannot be asked (exit status {done.returncode}):\n"
            f"{said}\nIf the server's code has moved, tests/compat/inside/servers.py must follow."
        )
    return _answer(json.loads(done.stdout))


def _answer(raw: Mapping[str, Any]) -> Answer:
    return Answer(
        verdicts=tuple(
            Verdict(passed=tuple(v["passed"]), error=v["error"], resolved=v["resolved"])
            for v in raw["commands"]
        ),
        flags=raw.get("flags", {}),
        refused_at_start=raw.get("refused_at_start"),
    )


def _variables() -> dict[str, str]:
    """Return an environment in which a server looks at nothing but its own code."""
    own = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    kept = {k: v for k, v in os.environ.items() if k not in own and not k.startswith("VLLM_")}
    return {
        **kept,
        "PYTHONPATH": str(HERE.parent),
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_PLUGINS": "",
    }
