"""Replicas that an autoscaler owns: it, Git and the operator never fight over them.

The autoscaler is Kubernetes' own HorizontalPodAutoscaler, which asks a metrics API that these tests
serve; it finds our resources by their scale subresource, as KEDA and `kubectl scale` do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.api import Api
from support.engines import Applier, client_side, server_side
from support.external_metrics import ExternalMetrics
from support.kubectl import Kubectl
from support.resources import generator, simulated
from support.settling import settled
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

SYNCS = 4
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"


@pytest.fixture(scope="module")
def metrics(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExternalMetrics]:
    """A metrics API, registered."""
    found = ExternalMetrics(tmp_path_factory.mktemp("metrics"))
    found.register(api)
    yield found
    found.close(api)


def video(namespace: str, name: str = "video", **spec: Any) -> dict[str, Any]:
    return generator(name, namespace, pod=simulated(ready_after="200ms"), **spec)


def autoscaler(namespace: str, name: str = "video", *, least: int) -> dict[str, Any]:
    """As many replicas as the metric counts, at once, between `least` and 3."""
    metric = {"name": "videos_waiting"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "serving.cosmos3.io/v1alpha1",
                "kind": "CosmosGenerator",
                "name": name,
            },
            "minReplicas": least,
            "maxReplicas": 3,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
            "metrics": [
                {
                    "type": "External",
                    "external": {
                        "metric": metric,
                        "target": {"type": "AverageValue", "averageValue": "1"},
                    },
                }
            ],
        },
    }


def test_the_autoscaler_decides_and_syncs_leave_it_alone(
    api: Api, kubectl: Kubectl, namespace: str, metrics: ExternalMetrics
) -> None:
    engines = {
        "on-the-server": server_side(kubectl, "argocd-controller"),
        "on-the-client": client_side(kubectl),
    }
    manifests = {name: video(namespace, name) for name in engines}
    metrics.value = 3
    for name, engine in engines.items():
        engine.sync([manifests[name]])
        api.post(AUTOSCALERS.format(namespace), autoscaler(namespace, name, least=1))
    for name, engine in engines.items():
        before = _served_by(api, manifests[name], 3)["metadata"]["generation"]
        for _ in range(SYNCS):
            engine.sync([manifests[name]])
            assert engine.difference([manifests[name]]) == ""
        assert _served_by(api, manifests[name], 3)["metadata"]["generation"] == before
    metrics.value = 1
    for name, engine in engines.items():
        _served_by(api, manifests[name], 1)
        engine.sync([manifests[name]])
        assert engine.difference([manifests[name]]) == ""
        _served_by(api, manifests[name], 1)


def test_replicas_in_git_are_the_fight_that_engines_show(
    api: Api, kubectl: Kubectl, namespace: str
) -> None:
    """The last one to write wins, so the line must go from Git; the docs say so."""
    argo = server_side(kubectl, "argocd-controller")
    manifest = video(namespace, replicas=1)
    argo.sync([manifest])
    api.post(AUTOSCALERS.format(namespace), autoscaler(namespace, least=2))
    _served_by(api, manifest, 2)
    assert "replicas: 1" in argo.difference([manifest]), "OutOfSync"
    careful = Applier(kubectl=kubectl, manager=argo.manager, words=argo.words[:-1])
    refused = kubectl(
        *("apply", *careful.words, "-f", "-"), stdin=json.dumps(manifest), check=False
    )
    assert 'conflict with "kube-controller-manager" with subresource "scale"' in refused
    argo.sync([manifest])
    _served_by(api, manifest, 2)
    argo.sync([video(namespace)])
    _served_by(api, manifest, 2)
    assert argo.difference([video(namespace)]) == "", "now it is the autoscaler's"


def test_replicas_are_handed_over_without_a_dip(api: Api, kubectl: Kubectl, namespace: str) -> None:
    """Taken from Git at once, a field that only Git owns would fall back to its default, 1."""
    argo = server_side(kubectl, "argocd-controller")
    argo.sync([video(namespace, replicas=2)])
    before = _served_by(api, video(namespace), 2)["metadata"]["generation"]
    handover = server_side(kubectl, "handover")
    handover.sync([{**generator("video", namespace), "spec": {"replicas": 2}}])
    argo.sync([video(namespace)])
    found = _served_by(api, video(namespace), 2)
    assert found["metadata"]["generation"] == before


def test_zero_is_an_autoscalers_word_too(
    api: Api, kubectl: Kubectl, namespace: str, metrics: ExternalMetrics
) -> None:
    """KEDA writes 0 to the scale subresource, and 1 again; in between an HPA stands still."""
    argo = server_side(kubectl, "argocd-controller")
    manifest = video(namespace)
    argo.sync([manifest])
    settled(api, manifest, "Serving")
    metrics.value = 1
    api.post(AUTOSCALERS.format(namespace), autoscaler(namespace, least=1))
    kubectl("scale", "-n", namespace, "cgen/video", "--replicas=0")
    found = settled(api, manifest, "ScaledToZero")
    argo.sync([manifest])
    assert argo.difference([manifest]) == ""
    eventually(lambda: _why_not(api, namespace), lambda why: why == "ScalingDisabled", what="rest")
    assert settled(api, manifest, "ScaledToZero")["metadata"] == found["metadata"]
    kubectl("scale", "-n", namespace, "cgen/video", "--replicas=1")
    settled(api, manifest, "Serving")


def test_what_autoscalers_read_is_there_before_anything_is_said_of_replicas(
    api: Api, kubectl: Kubectl, namespace: str
) -> None:
    """An autoscaler that reads 0 is disabled, and one without selector gives up."""
    manifest = video(namespace)
    server_side(kubectl, "argocd-controller").sync([manifest])
    assert _scale(api, manifest)["spec"]["replicas"] == 1
    settled(api, manifest, "Serving")
    scale = _scale(api, manifest)
    assert scale["status"]["replicas"] == 1
    assert len(api.pods(namespace, labelSelector=scale["status"]["selector"])) == 1


def _scale(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    found = api.get(f"{api.path(body)}/scale")
    assert found is not None
    return found


def _served_by(api: Api, body: dict[str, Any], replicas: int) -> dict[str, Any]:
    """Wait until exactly so many replicas serve."""

    def holds(seen: dict[str, Any] | None) -> bool:
        assert seen is not None
        status = seen.get("status", {})
        counts = (seen["spec"]["replicas"], status.get("replicas"), status.get("readyReplicas"))
        told = status.get("observedGeneration") == seen["metadata"]["generation"]
        return told and set(counts) == {replicas}

    found = eventually(lambda: api.get(api.path(body)), holds, what=f"{replicas} that serve")
    assert found is not None
    return found


def _why_not(api: Api, namespace: str) -> str:
    """Return the reason why an autoscaler does not scale."""
    found = api.get(f"{AUTOSCALERS.format(namespace)}/video")
    assert found is not None
    conditions = found.get("status", {}).get("conditions", [])
    return next((one["reason"] for one in conditions if one["type"] == "ScalingActive"), "")
