"""A cluster that the chart is installed on, and cleared of, again and again.

In: a cluster of one's own, since CRDs are everybody's. Out: Helm's verbs on the release, the
operator as it is installed, and models to look after.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from support.api import Api, ready
from support.chart_operator import chart_operator
from support.doc_blocks import run_block
from support.helm import CHART, NAMESPACE, RELEASE, Helm
from support.kubectl import Kubectl
from support.operator_process import OperatorProcess
from support.resources import PLURALS
from support.waiting import eventually

CRDS = tuple(f"{plural}.serving.cosmos3.io" for plural in PLURALS.values())
_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_KEPT = frozenset({"default", "kube-node-lease", "kube-public", "kube-system", NAMESPACE})
"""Not deleted after a test: that takes seconds, and the next test wants the last one again."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """What tests of the release have at hand."""

    helm: Helm
    kubectl: Kubectl
    api: Api
    folder: Path

    def install(self, *words: str, chart: Path = CHART, release: str = RELEASE) -> str:
        """Install the chart, as the README says."""
        where = f"--namespace={NAMESPACE}"
        return self.helm("install", release, str(chart), where, "--create-namespace", *words)

    def release(self, *words: str) -> str:
        """Run a Helm command on the release that must succeed."""
        return self.helm(*words, f"--namespace={NAMESPACE}")

    def try_release(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a Helm command on the release that may fail."""
        return self.helm.run(*words, f"--namespace={NAMESPACE}")

    @contextmanager
    def operator(
        self,
        *,
        resources: int = 0,
        namespace: str = NAMESPACE,
        name: str = RELEASE,
        environ: Mapping[str, str] | None = None,
    ) -> Iterator[OperatorProcess]:
        """Run the installed operator, and go on when it has looked at so many resources."""
        process = chart_operator(
            self.api,
            admin=self.kubectl.kubeconfig,
            folder=self.folder,
            namespace=namespace,
            name=name,
            environ=environ,
        )
        with process:
            eventually(process.scrape, partial(_has_looked, resources=resources), what="passes")
            yield process
            assert process.stop() == 0, process.log.read_text("utf-8")

    def apply(self, *bodies: dict[str, Any]) -> None:
        """Apply resources as a user would."""
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(bodies))

    def serving(self, *bodies: dict[str, Any]) -> None:
        """Wait until resources are Ready for what they ask now."""
        for body in bodies:
            eventually(lambda body=body: self.api.get(self.api.path(body)), _serves, what="Ready")

    def crds(self) -> dict[str, dict[str, Any]]:
        """Return our CRDs that exist."""
        found = {name: self.api.get(f"{_CRD_PATH}/{name}") for name in CRDS}
        return {name: crd for name, crd in found.items() if crd is not None}

    def commands(self, text: str) -> str:
        """Run commands of the documentation, which must succeed."""
        done = run_block(text, kubeconfig=self.kubectl.kubeconfig, folder=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def clear(self) -> None:
        """Leave no release, no CRD and no model."""
        for line in yaml.safe_load(self.helm("list", "--all-namespaces", "--output=yaml")):
            self.helm("uninstall", line["name"], f"--namespace={line['namespace']}", "--wait")
        self.kubectl("delete", "crd", *CRDS, "--ignore-not-found")
        listed = self.api.get("/api/v1/namespaces")
        assert listed is not None
        names = {item["metadata"]["name"] for item in listed["items"]} - _KEPT
        if names:
            self.kubectl("delete", "namespace", "--wait=false", *sorted(names))


def _serves(seen: dict[str, Any] | None) -> bool:
    if seen is None or ready(seen).get("status") != "True":
        return False
    return bool(seen["status"]["observedGeneration"] == seen["metadata"]["generation"])


def _has_looked(
    seen: Mapping[tuple[str, frozenset[tuple[str, str]]], float], *, resources: int
) -> bool:
    """Whether as many passes have ended as there are resources, and none waits or runs."""
    totals: Counter[str] = Counter()
    for (family, _), value in seen.items():
        totals[family] += value
    pending = totals["workqueue_depth"] + totals["controller_runtime_active_workers"]
    return totals["controller_runtime_reconcile_total"] >= resources and not pending
