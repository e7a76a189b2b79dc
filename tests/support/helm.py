"""Real Helm on the project's chart."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotools.find import find
from support.repository import ROOT

CHART = ROOT / "charts" / "cosmos3-operator"
NAMESPACE = "cosmos3-system"
RELEASE = "cosmos3-operator"


class Helm:
    """Runs Helm; with a kubeconfig on a cluster, without one only for what needs none."""

    def __init__(self, *, home: Path, kubeconfig: Path | None = None) -> None:
        # Nothing of the machine's own Helm is read or written.
        self._environment = {
            "HOME": str(home),
            "PATH": "",
            "KUBECONFIG": str(kubeconfig or home / "no-cluster"),
        }

    def __call__(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        """Run Helm and return both streams; a failure fails the test unless `check=False`."""
        done = self.run(*words, stdin=stdin)
        if check and done.returncode:
            pytest.fail(f"helm {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run Helm and return all that it said."""
        return subprocess.run(
            [str(find("helm")), *words],
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def render(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        chart: Path = CHART,
        release: str = RELEASE,
        namespace: str = NAMESPACE,
    ) -> list[dict[str, Any]]:
        """Return the objects that the chart makes of these values."""
        words = (
            *("template", release, str(chart), f"--namespace={namespace}"),
            *("--kube-version=1.36.3", "--values=-"),
        )
        done = self.run(*words, stdin=yaml.safe_dump(dict(values or {})))
        if done.returncode:
            pytest.fail(f"helm {' '.join(words)}: {done.stderr}")
        return [found for found in yaml.safe_load_all(done.stdout) if found]
