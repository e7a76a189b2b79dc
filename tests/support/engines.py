"""GitOps engines as the API server sees them: who applies, how, and what a sync would still change.

In: manifests. Out: writes by real kubectl or real Helm with the words and the field manager of each
engine. Where the words are from:
Argo CD: util/argo/argo.go and gitops-engine/pkg/utils/kube (manager argocd-controller, conflicts
forced under ServerSideApply). Flux: kustomize-controller's main.go and github.com/fluxcd/pkg/ssa
(manager kustomize-controller, forced). Helm 4 applies on the server as `helm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from support.helm import Helm
from support.kubectl import Kubectl

Manifests = Sequence[dict[str, Any]]


class Engine(Protocol):
    """Brings manifests into the cluster, again and again."""

    @property
    def manager(self) -> str:
        """Name under which its fields are managed."""
        ...

    def sync(self, manifests: Manifests) -> None:
        """Apply all of them; a conflict or refusal fails the test."""
        ...

    def difference(self, manifests: Manifests) -> str:
        """Return what a sync would change, "" if nothing: what makes an engine say OutOfSync."""
        ...


@dataclass(frozen=True, kw_only=True)
class Applier:
    """An engine that applies as kubectl does."""

    kubectl: Kubectl
    manager: str
    words: tuple[str, ...]

    def sync(self, manifests: Manifests) -> None:
        """Apply."""
        self.kubectl("apply", *self.words, "-f", "-", stdin=text(manifests))

    def difference(self, manifests: Manifests) -> str:
        """Ask for the difference, by a dry run on the server."""
        return self.kubectl("diff", *self.words, "-f", "-", stdin=text(manifests), check=False)


@dataclass(frozen=True, kw_only=True)
class Release:
    """Helm, with the manifests as the templates of a chart."""

    helm: Helm
    kubectl: Kubectl
    folder: Path
    namespace: str
    manager: str = "helm"

    def sync(self, manifests: Manifests) -> None:
        """Install or upgrade."""
        chart = self.folder / "models"
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        about = {"apiVersion": "v2", "name": "models", "version": "1.0.0"}
        (chart / "Chart.yaml").write_text(yaml.safe_dump(about), "utf-8")
        (chart / "templates" / "models.yaml").write_text(text(manifests), "utf-8")
        self.helm("upgrade", "--install", "models", str(chart), f"--namespace={self.namespace}")

    def difference(self, manifests: Manifests) -> str:
        """Ask for the difference; what Helm adds to metadata is not in the manifests."""
        applier = server_side(self.kubectl, "helm")
        return applier.difference([_of_the_release(one, self.namespace) for one in manifests])


def _of_the_release(manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    added = {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {
            "meta.helm.sh/release-name": "models",
            "meta.helm.sh/release-namespace": namespace,
        },
    }
    return {**manifest, "metadata": {**manifest["metadata"], **added}}


def server_side(kubectl: Kubectl, manager: str) -> Applier:
    """Return an engine that applies on the server and forces conflicts."""
    words = ("--server-side", f"--field-manager={manager}", "--force-conflicts")
    return Applier(kubectl=kubectl, manager=manager, words=words)


def client_side(kubectl: Kubectl) -> Applier:
    """Return an engine that merges by itself and keeps what it applied in an annotation."""
    manager = "argocd-controller"
    return Applier(kubectl=kubectl, manager=manager, words=(f"--field-manager={manager}",))


def text(manifests: Manifests) -> str:
    """Return manifests as one file."""
    return yaml.safe_dump_all(list(manifests))
