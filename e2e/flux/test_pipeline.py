"""The pipeline of examples/gitops/flux, lived by Flux itself: from a commit to models, and back.

Flux's three controllers run as processes against a control plane with simulated GPU nodes, and
fetch the examples and the chart from a Git server. The operator runs as a process with the token of
the account that the chart made. External Secrets is played, and so are the pods, which take a while
to load.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bed import api as bed
from bed.kwok import STORAGE_CLASS
from gotools.files import find_files
from support.account import account_kubeconfig
from support.api import GROUP, Api, condition, ready
from support.flux import NAMESPACE, controllers
from support.git import GitServer, Repository
from support.kubectl import ROOT, Kubectl
from support.operator_process import OperatorProcess
from support.resources import simulated
from support.waiting import eventually

CRDS = ("flux-source-crds", "flux-kustomize-crds", "flux-helm-crds", "external-secrets-crds")
KUSTOMIZATIONS = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/kustomizations"
RELEASES = f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{NAMESPACE}/helmreleases"
MODELS = "models-production"
VIDEO = f"{GROUP}/namespaces/{MODELS}/cosmosgenerators/video"
LOADS = simulated(ready_after="8s")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane with everybody else's CRDs, and not ours."""
    folder = tmp_path_factory.mktemp("bed") / "cluster"
    started = bed.up(folder, nodes=Path(__file__).with_name("nodes.yaml"))
    crds = [word for name in CRDS for word in ("-f", str(find_files(name)))]
    try:
        started.kubectl("apply", "--server-side", *crds)
        started.kubectl("wait", "--for=condition=Established", "--timeout=120s", *crds)
        yield started
    finally:
        bed.down(folder)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """What a platform team has in Git: the chart and the examples, with pods that take a while."""
    found = Repository(tmp_path / "git" / "cosmos3.git")
    for part in ("charts/cosmos3-operator", "examples/gitops"):
        shutil.copytree(ROOT / part, found.folder / part)
    change_video(found, pod=LOADS)
    found.commit("Serve")
    return found


def change_video(repository: Repository, **spec: Any) -> None:
    """Change what production says of its Generator."""
    path = repository.folder / "examples/gitops/models/production/video.yaml"
    body = yaml.safe_load(path.read_text("utf-8"))
    body["spec"].update(spec)
    path.write_text(yaml.safe_dump(body), "utf-8")


def test_from_a_commit_to_served_models_and_back(
    cluster: bed.Cluster, repository: Repository, tmp_path: Path
) -> None:
    api, kubectl = Api(cluster.kubeconfig), Kubectl(cluster.kubeconfig)
    _prepare(api)
    with GitServer(repository.folder.parent) as server, controllers(cluster.kubeconfig, tmp_path):
        steps = (ROOT / "examples/gitops/flux/cosmos3.yaml").read_text("utf-8")
        address = f"{server.url}/cosmos3.git"
        local = steps.replace("https://git.example.com/platform/cosmos3.git", address)
        assert local != steps
        kubectl("apply", "-f", "-", stdin=local)
        _is_ready(api, "cosmos3-operator", repository)
        with _operator(api, cluster, tmp_path):
            _the_release_is_the_chart(api)
            _models_wait_for_the_token(api)
            _ready_means_that_every_model_serves(api, repository)
            _a_stalled_model_fails_its_kustomization_and_a_revert_mends_it(api, kubectl, repository)
            _a_revert_does_not_wait_for_a_start_that_takes_long(api, kubectl, repository)
    api.close()


def _prepare(api: Api) -> None:
    """Make what an administrator has: Flux's namespace, and a class of volumes for many nodes."""
    api.namespace(NAMESPACE)
    shared = {**STORAGE_CLASS, "metadata": {"name": "shared"}}
    api.post("/apis/storage.k8s.io/v1/storageclasses", shared)


def _operator(api: Api, cluster: bed.Cluster, folder: Path) -> OperatorProcess:
    """The operator, with the rights that the chart gave it."""
    kubeconfig = account_kubeconfig(
        api,
        admin=cluster.kubeconfig,
        namespace="cosmos3-system",
        account="cosmos3-operator",
        folder=folder,
    )
    return OperatorProcess(kubeconfig=kubeconfig, log=folder / "operator.log")


def _the_release_is_the_chart(api: Api) -> None:
    release = api.get(f"{RELEASES}/cosmos3-operator")
    assert release is not None
    assert ready(release)["reason"] == "InstallSucceeded"
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    crd = api.get(f"{crds}/cosmosgenerators.serving.cosmos3.io")
    assert crd is not None
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def _models_wait_for_the_token(api: Api) -> None:
    path = f"/apis/external-secrets.io/v1/namespaces/{MODELS}/externalsecrets/hf-token"
    eventually(lambda: api.get(path), lambda found: found is not None, what="the ExternalSecret")
    assert ready(_kustomization(api, MODELS))["reason"] == "DependencyNotReady"
    assert api.get(VIDEO) is None
    secret = {"metadata": {"name": "hf-token"}, "stringData": {"HF_TOKEN": "hf_example"}}
    api.post(f"/api/v1/namespaces/{MODELS}/secrets", secret)
    synced = {"type": "Ready", "status": "True", "reason": "SecretSynced"}
    status = {"conditions": [{**synced, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    api.merge(f"{path}/status", {"status": status})


def _ready_means_that_every_model_serves(api: Api, repository: Repository) -> None:
    eventually(lambda: api.get(VIDEO), lambda found: found is not None, what="the Generator")

    def look() -> tuple[str, str]:
        # The model is looked at later: a step that is ready promises it.
        step = ready(_applied(api, MODELS, repository)).get("status", "")
        return step, ready(_video(api)).get("status", "")

    eventually(look, lambda seen: seen == ("Unknown", "False"), what="a step that waits")
    seen = eventually(look, lambda seen: seen[0] == "True", what="a step that is ready")
    assert seen == ("True", "True")


def _a_stalled_model_fails_its_kustomization_and_a_revert_mends_it(
    api: Api, kubectl: Kubectl, repository: Repository
) -> None:
    pods = _pods(api)
    change_video(repository, runtime={"version": "9.9.9"})
    _push(repository, kubectl, "Take a version that does not exist")
    failed = eventually(
        lambda: _applied(api, MODELS, repository),
        lambda found: ready(found).get("reason") == "HealthCheckFailed",
        what="a step that failed",
    )
    said = ready(failed)["message"]
    assert "failed early due to stalled resources" in said
    assert "CosmosGenerator/models-production/video status: 'Failed'" in said
    assert "'9.9.9' is not a catalogued runtime" in condition(_video(api), "Stalled")["message"]
    assert _pods(api) == pods, "what served goes on"
    repository.revert()
    _fetch(kubectl)
    _is_ready(api, MODELS, repository)
    assert _pods(api) == pods


def _a_revert_does_not_wait_for_a_start_that_takes_long(
    api: Api, kubectl: Kubectl, repository: Repository
) -> None:
    change_video(repository, pod=simulated(fail="never-ready"))
    _push(repository, kubectl, "Load for ever")
    eventually(
        lambda: ready(_video(api)).get("reason"),
        lambda reason: reason == "Starting",
        what="a start",
    )
    repository.revert()
    _fetch(kubectl)
    _is_ready(api, MODELS, repository)
    assert ready(_video(api))["status"] == "True"


def _push(repository: Repository, kubectl: Kubectl, message: str) -> None:
    repository.commit(message)
    _fetch(kubectl)


def _fetch(kubectl: Kubectl) -> None:
    """Have Flux look at the repository now, as `flux reconcile` does."""
    mark = f"reconcile.fluxcd.io/requestedAt={uuid.uuid4()}"
    kubectl("annotate", "--overwrite", "-n", NAMESPACE, "gitrepository/cosmos3", mark)


def _is_ready(api: Api, name: str, repository: Repository) -> dict[str, Any]:
    return eventually(
        lambda: _applied(api, name, repository),
        lambda found: ready(found).get("status") == "True",
        what=f"{name}, ready",
    )


def _applied(api: Api, name: str, repository: Repository) -> dict[str, Any]:
    """Return a step once it has tried the newest commit, or {}."""
    found = _kustomization(api, name)
    tried = found.get("status", {}).get("lastAttemptedRevision", "")
    return found if tried.endswith(repository.head) else {}


def _kustomization(api: Api, name: str) -> dict[str, Any]:
    return api.get(f"{KUSTOMIZATIONS}/{name}") or {}


def _video(api: Api) -> dict[str, Any]:
    found = api.get(VIDEO)
    assert found is not None
    return found


def _pods(api: Api) -> set[str]:
    return {pod["metadata"]["uid"] for pod in api.pods(MODELS)}
