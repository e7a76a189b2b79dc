"""A revert in Git rolls back: what served before serves again, and nothing is left of the change.

The repository is a real one; what is in its folder is applied as a GitOps engine does, and nothing
else is done to the cluster.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.api import Api
from support.engines import server_side
from support.kubectl import Kubectl
from support.resources import generator, simulated
from support.settling import settled
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

QUICK = simulated(ready_after="300ms")

CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "refused-by-the-planner": ("InvalidSpec", {"runtime": {"version": "9.9.9"}}),
    "no-such-node": ("NoNodeFits", {"gpu": {"products": ["NVIDIA-B300"]}}),
    "image-that-cannot-be-pulled": ("ImagePullFailed", {"pod": simulated(fail="image-pull")}),
    "server-that-fails": (
        "CrashLooping",
        {"pod": simulated(fail="exit", ready_after="100ms", back_off="200ms")},
    ),
    "guardrails-the-other-way": ("Serving", {"guardrails": {"mode": "Disabled"}}),
    "another-cache": ("Serving", {"cache": {"type": "Claim", "size": "10Gi"}}),
}
"""What somebody merges, and what the resource then says."""


class Repository:
    """A folder under git, with what a cluster should run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._git("init", "--quiet", "--initial-branch=main")

    def commit(self, manifests: list[dict[str, Any]], message: str) -> None:
        """Write each into a file of its own, and commit."""
        for one in manifests:
            path = self.folder / f"{one['metadata']['name']}.yaml"
            path.write_text(yaml.safe_dump(one), "utf-8")
        self._git("add", "--all")
        self._git("commit", "--quiet", f"--message={message}")

    def revert(self) -> None:
        """Take back the last commit by another one."""
        self._git("revert", "--no-edit", "HEAD")

    def manifests(self) -> list[dict[str, Any]]:
        """Return what the folder holds at its head."""
        return [yaml.safe_load(path.read_text("utf-8")) for path in self.folder.glob("*.yaml")]

    def _git(self, *words: str) -> None:
        # Nothing of the machine's own git is read.
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        person = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        subprocess.run(
            ["git", *person, *words],
            cwd=self.folder,
            env={**os.environ, **own},
            check=True,
            capture_output=True,
        )


def test_a_revert_brings_back_what_served(
    api: Api, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    argo = server_side(kubectl, "argocd-controller")
    repository = Repository(tmp_path)
    good = [generator(name, namespace, pod=QUICK) for name in CHANGES]
    repository.commit(good, "Serve")
    argo.sync(repository.manifests())
    for body in good:
        settled(api, body, "Serving")
    before = {name: _trace(api, namespace, name) for name in CHANGES}

    bad = [
        generator(name, namespace, **({"pod": QUICK} | spec)) for name, (_, spec) in CHANGES.items()
    ]
    repository.commit(bad, "Change")
    argo.sync(repository.manifests())
    for body in bad:
        settled(api, body, CHANGES[body["metadata"]["name"]][0])
    untouched = _trace(api, namespace, "refused-by-the-planner")
    assert untouched == before["refused-by-the-planner"], "what is refused stops nothing"

    repository.revert()
    argo.sync(repository.manifests())
    for body in good:
        settled(api, body, "Serving")
        assert argo.difference([body]) == ""
    for name in CHANGES:
        eventually(
            lambda name=name: _trace(api, namespace, name),
            lambda found, name=name: found == before[name],
            what=f"{name} as it was",
        )


def test_what_serves_goes_on_while_a_bad_change_waits_for_a_gpu(
    api: Api, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    """With a surge of one pod, no old pod is given up for one that never starts."""
    argo = server_side(kubectl, "argocd-controller")
    repository = Repository(tmp_path)
    keep = {"rollout": {"maxSurge": 1}, "replicas": 2}
    repository.commit([generator("video", namespace, pod=QUICK, **keep)], "Serve")
    (good,) = repository.manifests()
    argo.sync([good])
    settled(api, good, "Serving")
    pods = _uids(api, namespace)
    bad = {"gpu": {"products": ["NVIDIA-B300"]}}
    repository.commit([generator("video", namespace, pod=QUICK, **keep, **bad)], "Change")
    argo.sync(repository.manifests())
    found = settled(api, good, "NoNodeFits")
    assert found["status"]["readyReplicas"] == 2
    assert pods < _uids(api, namespace)
    repository.revert()
    argo.sync(repository.manifests())
    settled(api, good, "Serving")
    eventually(lambda: _uids(api, namespace), lambda left: left == pods, what="the same pods")


def _trace(api: Api, namespace: str, name: str) -> dict[str, Any]:
    """Return what a change could leave behind: children, and the template that pods are made of."""
    pods = api.pods(namespace, labelSelector=f"app.kubernetes.io/instance={name}")
    return {
        "children": {
            (one["kind"], one["metadata"]["name"], one["metadata"]["uid"])
            for one in api.children(namespace, name)
        },
        "templates": {pod["metadata"]["labels"]["pod-template-hash"] for pod in pods},
        "pods": len(pods),
    }


def _uids(api: Api, namespace: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in api.pods(namespace)}
