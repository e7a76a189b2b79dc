"""Real kubectl, as users run it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bed.binaries import kubectl as kubectl_binary

ROOT = Path(__file__).resolve().parents[2]


class Kubectl:
    """Real kubectl on the cluster under test, as an administrator or as another user."""

    def __init__(self, kubeconfig: Path, *, person: str = "") -> None:
        self.kubeconfig = kubeconfig
        self._as = (f"--as={person}",) if person else ()

    def __call__(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl and return both streams; a failure fails the test unless `check=False`."""
        done = subprocess.run(
            [str(kubectl_binary()), f"--kubeconfig={self.kubeconfig}", *self._as, *args],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"kubectl {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr
