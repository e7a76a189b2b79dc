"""A revert in Git rolls back: what served before serves again, and nothing is left of the change.

The repository is a real one; what is in its folder is applied as a GitOps engine does, and nothing
else is done to the cluster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.api import Api
from support.engines import server_side
from support.git import Repository
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


def commit(repository: Repository, manifests: list[dict[str, Any]], message: str) -> None:
    """Write each into a file of its own, and commit."""
    for one in manifests:
        path = repository.folder / f"{one['metadata']['name']}.yaml"
        path.write_text(yaml.safe_dump(one), "utf-8")
    repository.commit(message)


def manifests_of(repository: Repository) -> list[dict[str, Any]]:
    """Return what the folder holds at its head."""
    return [yaml.safe_load(path.read_text("utf-8")) for path in repository.folder.glob("*.yaml")]


def test_a_revert_brings_back_what_served(
    api: Api, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    argo = server_side(kubectl, "argocd-controller")
    repository = Repository(tmp_path)
    good = [generator(name, namespace, pod=QUICK) for name in CHANGES]
    commit(repository, good, "Serve")
    argo.sync(manifests_of(repository))
    for body in good:
        settled(api, body, "Serving")
    before = {name: _trace(api, namespace, name) for name in CHANGES}

    bad = [
        generator(name, namespace, **({"pod": QUICK} | spec)) for name, (_, spec) in CHANGES.items()
    ]
    commit(repository, bad, "Change")
    argo.sync(manifests_of(repository))
    for body in bad:
        settled(api, body, CHANGES[body["metadata"]["name"]][0])
    untouched = _trace(api, namespace, "refused-by-the-planner")
    assert untouched == before["refused-by-the-planner"], "what is refused stops nothing"

    repository.revert()
    argo.sync(manifests_of(repository))
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
    commit(repository, [generator("video", namespace, pod=QUICK, **keep)], "Serve")
    (good,) = manifests_of(repository)
    argo.sync([good])
    settled(api, good, "Serving")
    pods = _uids(api, namespace)
    bad = {"gpu": {"products": ["NVIDIA-B300"]}}
    commit(repository, [generator("video", namespace, pod=QUICK, **keep, **bad)], "Change")
    argo.sync(manifests_of(repository))
    found = settled(api, good, "NoNodeFits")
    assert found["status"]["readyReplicas"] == 2
    assert pods < _uids(api, namespace)
    repository.revert()
    argo.sync(manifests_of(repository))
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
