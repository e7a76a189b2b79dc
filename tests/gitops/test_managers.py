"""A tool that applies our resources and the operator never fight, however often it syncs.

The tool owns the spec and nothing else, the operator the status and nothing else; a sync that
changes nothing moves nothing. The API server's audit log tells what the operator wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bed import api as bed
from support.api import CHILD_PATHS, Api
from support.audit import AuditLog, in_short, is_about, is_refused
from support.engines import Engine, Manifests, Release, client_side, server_side, text
from support.helm import Helm
from support.kubectl import ROOT, Kubectl
from support.operator_process import OperatorProcess
from support.resources import generator, reasoner, simulated
from support.settling import settled
from support.waiting import eventually

pytestmark = pytest.mark.cluster

ENGINES = ("argo-cd", "argo-cd-client-side", "flux", "helm")
SYNCS = 10
"""How often an engine heals a resource that needs no healing."""

PHASES = {
    "serving": "Serving",
    "loading": "Starting",
    "stalled": "InvalidSpec",
    "zero": "ScaledToZero",
}
"""One resource for each phase of a life, by the reason that it stays with."""
AT_REST = [phase for phase in PHASES if phase != "loading"]

TRACKING = {
    "labels": {
        "app.kubernetes.io/instance": "an-application",
        "kustomize.toolkit.fluxcd.io/name": "models",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    },
    "annotations": {
        "argocd.argoproj.io/tracking-id": "an-application:serving.cosmos3.io/CosmosGenerator:x/y",
        "argocd.argoproj.io/sync-wave": "2",
    },
}
"""What Argo CD and Flux add to what they apply."""


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane that logs each request."""
    folder = tmp_path_factory.mktemp("audited") / "cluster"
    yield bed.up(folder, audit=True)
    bed.down(folder)


@pytest.fixture(scope="module")
def kubeconfig(audited: bed.Cluster) -> Path:
    """The cluster with the audit log, for every fixture of this module."""
    return audited.kubeconfig


@pytest.fixture(scope="module")
def kubectl(kubeconfig: Path) -> Kubectl:
    """Real kubectl on it."""
    return Kubectl(kubeconfig)


@pytest.fixture(scope="module")
def api(kubeconfig: Path) -> Iterator[Api]:
    """An observer of it."""
    found = Api(kubeconfig)
    yield found
    found.close()


@pytest.fixture(scope="module")
def audit(audited: bed.Cluster) -> AuditLog:
    """What the operator asks."""
    assert audited.audit_log is not None
    return AuditLog(audited.audit_log)


@pytest.fixture(scope="module", autouse=True)
def operator(
    kubeconfig: Path, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The operator, at work."""
    kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"))
    log = tmp_path_factory.mktemp("operator") / "log"
    with OperatorProcess(kubeconfig=kubeconfig, log=log) as process:
        yield
        assert process.stop() == 0, log.read_text()


def engine(name: str, kubectl: Kubectl, *, namespace: str, folder: Path) -> Engine:
    """One of the ways by which resources come into a cluster."""
    if name == "argo-cd":
        return server_side(kubectl, "argocd-controller")
    if name == "argo-cd-client-side":
        return client_side(kubectl)
    if name == "flux":
        return server_side(kubectl, "kustomize-controller")
    helm = Helm(home=folder, kubeconfig=kubectl.kubeconfig)
    return Release(helm=helm, kubectl=kubectl, folder=folder, namespace=namespace)


def fleet(namespace: str) -> list[dict[str, Any]]:
    """As Git has it: no field that its author did not write."""
    claim = {"type": "Claim", "size": "10Gi"}
    return [
        generator("serving", namespace, cache=claim, pod=simulated(ready_after="500ms")),
        reasoner("loading", namespace, pod=simulated(fail="never-ready")),
        generator("stalled", namespace, runtime={"version": "9.9.9"}),
        generator("zero", namespace, replicas=0),
    ]


def test_no_engine_fights_with_the_operator(
    api: Api, audit: AuditLog, kubectl: Kubectl, tmp_path: Path
) -> None:
    def live(name: str) -> None:
        namespace = api.namespace(f"managed-by-{name}")
        folder = tmp_path / name
        folder.mkdir()
        syncs = engine(name, kubectl, namespace=namespace, folder=folder)
        _syncs_that_change_nothing_move_nothing(api, syncs, namespace)
        _a_change_goes_through_and_ours_stays_ours(api, syncs, namespace)

    writes = len(audit.writes())
    with ThreadPoolExecutor(len(ENGINES)) as pool:
        for name, done in [(name, pool.submit(live, name)) for name in ENGINES]:
            error = done.exception()
            assert error is None, f"{name}: {error}"
    assert [in_short(one) for one in audit.writes()[writes:] if is_refused(one)] == []


def _syncs_that_change_nothing_move_nothing(api: Api, engine: Engine, namespace: str) -> None:
    manifests = fleet(namespace)
    engine.sync(manifests)
    # While the status moves, kubectl may compare two moments of it.
    eventually(
        lambda: engine.difference(manifests),
        lambda found: found == "",
        what="a resource that was just created and is in sync",
    )
    before = _settled(api, manifests)
    assert engine.difference(manifests) == "", "each in its phase"
    for _ in range(SYNCS):
        engine.sync(manifests)
    _operator_has_seen_all(api, namespace)
    after = _settled(api, manifests)
    for phase in PHASES:
        assert _generation(after[phase]) == _generation(before[phase])
    for phase in AT_REST:
        assert after[phase] == before[phase], "nobody wrote: the resourceVersion is the same"
    assert engine.difference(manifests) == ""
    for resource in after.values():
        _each_has_its_own(resource, engine.manager)


def _a_change_goes_through_and_ours_stays_ours(api: Api, engine: Engine, namespace: str) -> None:
    one, *others = fleet(namespace)
    two = {**one, "spec": {**one["spec"], "replicas": 2}}
    engine.sync([two, *others])
    found = settled(api, two, "Serving")
    assert found["status"]["readyReplicas"] == 2
    _each_has_its_own(found, engine.manager)
    engine.sync([one, *others])  # the line is gone from Git again
    found = settled(api, one, "Serving")
    assert found["spec"]["replicas"] == found["status"]["readyReplicas"] == 1


def test_a_replaced_resource_loses_nothing(
    api: Api, audit: AuditLog, kubectl: Kubectl, namespace: str
) -> None:
    manifests = fleet(namespace)[:1]
    server_side(kubectl, "argocd-controller").sync(manifests)
    before = _settled(api, manifests)["serving"]
    children = _children(api, namespace)
    writes = len(audit.writes())
    for _ in range(2):
        kubectl("replace", "-f", "-", stdin=text(manifests))
    _operator_has_seen_all(api, namespace)
    after = _settled(api, manifests)["serving"]
    assert after["status"] == before["status"]
    assert _generation(after) == _generation(before)
    assert _children(api, namespace) == children
    written = audit.writes()[writes:]
    assert [in_short(one) for one in written if is_about(one, "serving")] == []


def test_marks_of_the_tools_stay_on_what_they_apply(
    api: Api, audit: AuditLog, kubectl: Kubectl, namespace: str
) -> None:
    argo = server_side(kubectl, "argocd-controller")
    plain = fleet(namespace)[0]
    argo.sync([plain])
    before = settled(api, plain, "Serving")
    children, pods = _children(api, namespace), _uids(api.pods(namespace))
    writes = len(audit.writes())
    argo.sync([{**plain, "metadata": {**plain["metadata"], **TRACKING}}])
    _operator_has_seen_all(api, namespace)
    after = settled(api, plain, "Serving")
    assert after["metadata"]["labels"] == TRACKING["labels"]
    assert after["status"] == before["status"]
    assert _children(api, namespace) == children
    assert _uids(api.pods(namespace)) == pods
    assert [in_short(one) for one in audit.writes()[writes:] if is_about(one, "serving")] == []
    marks = {*TRACKING["labels"].values(), *TRACKING["annotations"]}
    told = json.dumps([*api.children(namespace, "serving"), *api.pods(namespace)])
    assert [mark for mark in marks if f'"{mark}"' in told] == []


@pytest.mark.parametrize("retention", ["Delete", "Retain"])
def test_argo_cd_tracking_by_label_takes_no_child_for_its_own(
    api: Api, kubectl: Kubectl, namespace: str, retention: str
) -> None:
    """An application may be called like a resource, and our children carry its name as instance.

    Argo CD takes an object for an application's own if it has no owner and its label names the
    application (controller/cache/cache.go: isRoot, isRootAppNode); such a one that Git lacks is out
    of sync and pruned, unless its annotations forbid that (controller/state.go: IgnoreExtraneous;
    sync and deletion: Prune=false, Delete=false).
    """
    cache = {"type": "Claim", "size": "10Gi", "retention": retention}
    body = generator("video", namespace, cache=cache)
    server_side(kubectl, "argocd-controller").sync([body])
    settled(api, body, "Serving")
    objects = [*api.children(namespace, "video"), *api.pods(namespace), *_followers(api, namespace)]
    assert {one["metadata"]["labels"]["app.kubernetes.io/instance"] for one in objects} == {"video"}
    roots = [one for one in objects if not one["metadata"].get("ownerReferences")]
    assert [one["kind"] for one in roots] == (
        ["PersistentVolumeClaim"] if retention == "Retain" else []
    )
    for root in roots:
        annotations = root["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/compare-options"] == "IgnoreExtraneous"
        options = annotations["argocd.argoproj.io/sync-options"].split(",")
        assert set(options) == {"Prune=false", "Delete=false"}


def _settled(api: Api, manifests: Manifests) -> dict[str, dict[str, Any]]:
    """Wait until each is in its phase."""
    found = {}
    for body in manifests:
        name = body["metadata"]["name"]
        found[name] = settled(api, body, PHASES[name])
    return found


def _operator_has_seen_all(api: Api, namespace: str) -> None:
    """Wait for an answer to something newer: events of one kind come in order."""
    for make in (generator, reasoner):
        body = make("newer", namespace, replicas=0)
        api.create(body)
        settled(api, body, "ScaledToZero")
        api.delete(api.path(body))


def _each_has_its_own(resource: dict[str, Any], manager: str) -> None:
    owned = {
        (entry["manager"], entry.get("subresource", "")): set(entry["fieldsV1"])
        for entry in resource["metadata"]["managedFields"]
    }
    status = owned.pop(("cosmos3-operator", "status"))
    assert status == {"f:status"}
    (theirs,) = owned
    assert theirs == (manager, "")
    assert owned[theirs] - {"f:metadata"} == {"f:spec"}


def _generation(resource: dict[str, Any]) -> tuple[str, int]:
    return resource["metadata"]["uid"], resource["metadata"]["generation"]


def _children(api: Api, namespace: str) -> dict[tuple[str, str], str]:
    """Return the version of each child of the resource that serves."""
    return {
        (child["kind"], child["metadata"]["name"]): child["metadata"]["resourceVersion"]
        for child in api.children(namespace, "serving")
    }


def _followers(api: Api, namespace: str) -> list[dict[str, Any]]:
    """Return what Kubernetes makes of our children and copies their labels to."""
    paths = {
        "ReplicaSet": CHILD_PATHS["Deployment"].replace("deployments", "replicasets"),
        "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    }
    found = []
    for kind, path in paths.items():
        listed = api.get(path.format(namespace))
        assert listed is not None
        assert listed["items"], kind
        found += [{"kind": kind, **item} for item in listed["items"]]
    return found


def _uids(objects: list[dict[str, Any]]) -> set[str]:
    return {one["metadata"]["uid"] for one in objects}
