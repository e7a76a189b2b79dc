"""The examples of pipelines: they render, and are valid for the tools that read them.

The judges are real: kubectl's Kustomize, the API server with the CRDs that Argo CD, Flux, External
Secrets and KEDA publish and strict about unknown fields, our own `validate`, and Helm.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotools.files import find_files
from gotools.find import find
from support.api import Api
from support.helm import CHART, RELEASE, Helm
from support.helm import NAMESPACE as OPERATOR_NAMESPACE
from support.kubectl import ROOT, Kubectl

GITOPS = ROOT / "examples" / "gitops"
CRDS = (
    *("argo-cd-crds", "flux-source-crds", "flux-kustomize-crds", "flux-helm-crds"),
    *("external-secrets-crds", "keda-crds"),
)
ENVIRONMENTS = ("staging", "production")
OBJECTS = sorted(
    path.relative_to(GITOPS).as_posix()
    for folder in ("argocd", "flux", "autoscaling")
    for path in (GITOPS / folder).rglob("*.yaml")
    if "resource_customizations" not in path.parts and path.name != "kustomization.yaml"
)


@pytest.fixture
def kustomize(tmp_path: Path) -> Any:
    """Kubectl's Kustomize, which needs no cluster."""
    return Kubectl(tmp_path / "no-cluster")


@pytest.fixture(scope="module")
def tools_installed(kubectl: Kubectl, crds_installed: None) -> None:
    """The CRDs of the tools, and ours."""
    folders = [word for name in CRDS for word in ("-f", str(find_files(name)))]
    kubectl("apply", "--server-side", *folders)
    kubectl("wait", "--for=condition=Established", "--timeout=120s", *folders)


def rendered(kubectl: Kubectl, folder: str) -> str:
    return kubectl("kustomize", str(GITOPS / folder))


def objects(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one]


def documents(name: str) -> list[dict[str, Any]]:
    return objects((GITOPS / name).read_text("utf-8"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_models_of_each_environment_are_valid(kustomize: Kubectl, environment: str) -> None:
    text = rendered(kustomize, f"models/{environment}")
    assert {one["metadata"]["namespace"] for one in objects(text)} == {f"models-{environment}"}
    done = subprocess.run(
        [sys.executable, "-m", "cosmos3_operator", "validate", "-f", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stderr.splitlines()
    assert [line for line in told if "warning: replicas: video jobs live in" not in line] == []


def test_the_environments_differ_as_they_say(kustomize: Kubectl) -> None:
    found = {
        environment: {
            one["metadata"]["name"]: one["spec"]
            for one in objects(rendered(kustomize, f"models/{environment}"))
        }
        for environment in ENVIRONMENTS
    }
    assert found["staging"]["video"] == {
        "model": "nvidia/Cosmos3-Nano",
        "huggingFace": {"tokenSecretRef": {"name": "hf-token"}},
    }
    production = found["production"]["video"]
    assert production["model"] == "nvidia/Cosmos3-Super"
    assert production["parallelism"]["tensor"] * production["parallelism"]["cfg"] == 8
    assert production["cache"]["retention"] == "Retain"
    assert "replicas" not in found["production"]["questions"], "the autoscaler's"


@pytest.fixture(scope="module")
def namespaces(api: Api) -> Iterator[None]:
    """The namespaces of both environments, since a dry run makes none."""
    for environment in ENVIRONMENTS:
        api.namespace(f"models-{environment}")
    yield
    for environment in ENVIRONMENTS:
        api.delete(f"/api/v1/namespaces/models-{environment}")


@pytest.mark.cluster
@pytest.mark.usefixtures("tools_installed", "namespaces")
@pytest.mark.parametrize("folder", ["models", "namespaces"])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_api_server_takes_what_each_environment_renders(
    kubectl: Kubectl, folder: str, environment: str
) -> None:
    _dry_run(kubectl, rendered(kubectl, f"{folder}/{environment}"))


@pytest.mark.cluster
@pytest.mark.usefixtures("tools_installed")
@pytest.mark.parametrize("name", OBJECTS)
def test_the_tools_own_crds_take_the_examples(kubectl: Kubectl, name: str) -> None:
    for one in documents(name):
        # Their namespaces need not exist for a judgement on their fields.
        one["metadata"]["namespace"] = "default"
        _dry_run(kubectl, yaml.safe_dump(one))


def _dry_run(kubectl: Kubectl, text: str) -> None:
    words = ("--server-side", "--dry-run=server", "--validate=strict")
    kubectl("apply", *words, "-f", "-", stdin=text)


@pytest.mark.cluster
@pytest.mark.usefixtures("tools_installed")
def test_a_field_that_a_tool_does_not_know_is_refused(kubectl: Kubectl) -> None:
    """Otherwise the judgements above would be worth nothing."""
    (one,) = documents("argocd/root.yaml")
    one["metadata"]["namespace"] = "default"
    one["spec"]["syncPolicy"]["automatic"] = {}
    words = ("--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    said = kubectl("apply", *words, stdin=yaml.safe_dump(one), check=False)
    assert ".spec.syncPolicy.automatic: field not declared in schema" in said


def test_every_path_that_the_tools_are_told_is_there() -> None:
    told = [one["spec"]["source"]["path"] for one in _applications()]
    told += [one["spec"]["path"] for one in documents("flux/cosmos3.yaml") if "path" in one["spec"]]
    told.append(documents("flux/operator/helmrelease.yaml")[0]["spec"]["chart"]["spec"]["chart"])
    assert [path for path in told if not (ROOT / path).is_dir()] == []
    assert ROOT / "charts" / "cosmos3-operator" == CHART


def test_waves_bring_the_operator_before_the_namespace_before_the_models() -> None:
    waves = {
        one["metadata"]["name"]: int(
            one["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", "0")
        )
        for one in _applications()
    }
    assert waves.pop("cosmos3") == 0, "the root itself"
    assert waves == {
        "cosmos3-operator": 0,
        "models-production-namespace": 1,
        "models-production": 2,
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, ("Progressing", "not looked at yet")),
        ({"sync": {"status": "OutOfSync"}}, ("Progressing", "not looked at yet")),
        ({"health": {"status": "Degraded", "message": "no node"}}, ("Degraded", "no node")),
        ({"health": {"status": "Healthy"}}, ("Healthy", "")),
    ],
)
def test_a_wave_of_applications_waits_for_their_health(
    status: dict[str, Any] | None, expected: tuple[str, str]
) -> None:
    """By the Lua that Argo CD embeds."""
    (config,) = documents("argocd/argocd-cm.yaml")
    (script,) = config["data"].values()
    application = {**documents("argocd/root.yaml")[0]} | ({"status": status} if status else {})
    asked = {"object": application, "script": script, "openLibs": False}
    done = subprocess.run(
        [str(find("judge"))], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)["argo"]
    assert (said["status"], said["message"]) == expected


def test_flux_waits_in_the_same_order() -> None:
    steps = {
        one["metadata"]["name"]: one["spec"]
        for one in documents("flux/cosmos3.yaml")
        if one["kind"] == "Kustomization"
    }
    assert all(spec["wait"] for spec in steps.values())
    needs = {
        name: [one["name"] for one in spec.get("dependsOn", [])] for name, spec in steps.items()
    }
    assert needs == {
        "cosmos3-operator": [],
        "models-production-namespace": [],
        "models-production": ["cosmos3-operator", "models-production-namespace"],
    }


def test_helm_renders_the_chart_with_the_values_of_both(tmp_path: Path) -> None:
    (application,) = documents("argocd/apps/operator.yaml")
    (release,) = documents("flux/operator/helmrelease.yaml")
    values = [application["spec"]["source"]["helm"]["valuesObject"], release["spec"]["values"]]
    first, second = (Helm(home=tmp_path).render(one) for one in values)
    assert first == second
    assert release["spec"]["releaseName"] == RELEASE
    assert release["spec"]["targetNamespace"] == OPERATOR_NAMESPACE
    assert application["spec"]["destination"]["namespace"] == OPERATOR_NAMESPACE


def test_what_an_autoscaler_scales_is_there_and_says_nothing_of_replicas(
    kustomize: Kubectl,
) -> None:
    (scaled,) = documents("autoscaling/scaledobject.yaml")
    target = scaled["spec"]["scaleTargetRef"]
    (found,) = [
        one
        for one in objects(rendered(kustomize, "models/production"))
        if (one["apiVersion"], one["kind"], one["metadata"]["name"])
        == (target["apiVersion"], target["kind"], target["name"])
    ]
    assert found["metadata"]["namespace"] == scaled["metadata"]["namespace"]
    assert "replicas" not in found["spec"]


def _applications() -> list[dict[str, Any]]:
    names = [name for name in OBJECTS if name.startswith("argocd/")]
    found = [one for name in names for one in documents(name)]
    return [one for one in found if one["kind"] == "Application"]
