"""The other bed: a kind cluster, where Docker and kind exist.

Thin on purpose, and not exercised by the project's own tests, which must run where no container
engine does: it only makes a cluster named ``cosmos3`` and writes its kubeconfig. Its nodes have
no GPUs, so pods that ask for some stay Pending.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bed.errors import BedError
from bed.progress import Say

_NAME = "cosmos3"


def up(kubeconfig: Path, say: Say) -> None:
    """Make the cluster unless it is there, and write its kubeconfig."""
    if _NAME in _run("kind", "get", "clusters").split():
        _run("kind", "export", "kubeconfig", "--name", _NAME, "--kubeconfig", str(kubeconfig))
        say(f"kind cluster {_NAME!r} is up already")
        return
    say(f"Creating kind cluster {_NAME!r}: a minute or two")
    _run("kind", "create", "cluster", "--name", _NAME, "--kubeconfig", str(kubeconfig))


def down() -> None:
    """Delete the cluster."""
    require_tools()
    _run("kind", "delete", "cluster", "--name", _NAME)


def require_tools() -> None:
    """Say what is missing, if something is."""
    for tool in ("docker", "kind"):
        if shutil.which(tool) is None:
            raise BedError(f"this bed needs {tool} on PATH; the bed without --kind needs neither")
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        raise BedError(
            f"docker is installed, but its engine does not answer: {last}\n"
            "Start it, or use the bed without --kind, which needs no containers."
        )


def _run(*argv: str) -> str:
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BedError(f"`{' '.join(argv)}` failed:\n{result.stderr.strip()}")
    return result.stdout
