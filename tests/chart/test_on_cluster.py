"""A real API server judges every render: schemas, unknown fields, Pod Security, and `helm test`."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotools.files import find_files
from support.account import account_kubeconfig
from support.api import Api
from support.chart_cases import CASES, values_of
from support.helm import CHART, RELEASE, Helm
from support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

NAMESPACES = ("cosmos3-system", "team-a", "team-b", "monitoring")
RESTRICTED = "chart-restricted"
"""A namespace of Pod Security's strictest level."""
SCHEMAS_TOO = ("default", "everything")
"""Cases of which the CRDs are judged as well: they differ by metadata only, and take seconds."""


@pytest.fixture(scope="module")
def prepared(kubectl: Kubectl, crds_installed: None) -> Iterator[None]:
    """The namespaces that cases name, and the kinds of the Prometheus operator."""
    monitoring = str(find_files("prometheus-operator-crds"))
    kubectl("apply", "--server-side", "-f", monitoring)
    kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", monitoring)
    made = [
        name
        for name in (*NAMESPACES, RESTRICTED)
        if f"/{name}" not in kubectl("get", "ns", "-o", "name")
    ]
    for name in made:
        kubectl("create", "namespace", name)
    kubectl("label", "namespace", RESTRICTED, "pod-security.kubernetes.io/enforce=restricted")
    yield
    kubectl("delete", "--wait=false", "-f", monitoring)
    for name in made:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_every_object_and_knows_every_field(
    helm: Helm, kubectl: Kubectl, prepared: None, case: str
) -> None:
    # Pods need their account to be there, and are tried below.
    skipped = {"Pod"} if case in SCHEMAS_TOO else {"Pod", "CustomResourceDefinition"}
    objects = [found for found in helm.render(values_of(case)) if found["kind"] not in skipped]
    said = kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict"),
        *("-f", "-"),
        stdin=yaml.safe_dump_all(objects),
    )
    assert said.count("serverside-applied (server dry run)") == len(objects)


def test_a_field_that_nobody_knows_would_be_refused(
    helm: Helm, kubectl: Kubectl, prepared: None
) -> None:
    objects = helm.render(values_of("monitoring"))
    for kind, field in (("Deployment", "replica"), ("PodMonitor", "selektor")):
        wrong = next(found for found in objects if found["kind"] == kind)
        wrong["spec"][field] = 1
        words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
        assert field in kubectl(*words, stdin=yaml.safe_dump(wrong), check=False)


@pytest.mark.parametrize("case", CASES)
def test_the_pods_pass_pod_security_restricted(
    helm: Helm, kubectl: Kubectl, prepared: None, case: str
) -> None:
    pods = pods_of(helm.render(values_of(case)))
    assert pods
    assert tried(kubectl, pods).count("created (server dry run)") == len(pods)


def test_a_pod_that_may_be_root_would_not_pass(
    helm: Helm, kubectl: Kubectl, prepared: None
) -> None:
    objects = helm.render({"podSecurityContext": {"runAsNonRoot": False}})
    assert tried(kubectl, pods_of(objects)).count("violates PodSecurity") == len(pods_of(objects))


def pods_of(objects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every pod, that of the Deployment too, as one of an account that exists."""
    specs = {f["metadata"]["name"]: f["spec"] for f in objects if f["kind"] == "Pod"}
    specs |= {
        f["metadata"]["name"]: f["spec"]["template"]["spec"]
        for f in objects
        if f["kind"] == "Deployment"
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": RESTRICTED},
            "spec": spec | {"serviceAccountName": "default"},
        }
        for name, spec in specs.items()
    ]


def tried(kubectl: Kubectl, pods: Sequence[dict[str, Any]]) -> str:
    words = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    return kubectl(*words, stdin=yaml.safe_dump_all(pods), check=False)


@pytest.fixture
def installed(helm_on_cluster: Helm, namespace: str, crds_installed: None) -> Iterator[str]:
    """The chart in a namespace of its own, which it also serves."""
    # What is of the whole cluster belongs to somebody else, as for any second release.
    values = {
        "crds": {"enabled": False},
        "rbac": {"aggregate": False},
        "watchNamespaces": [namespace],
    }
    words = (RELEASE, str(CHART), f"--namespace={namespace}", "--values=-")
    helm_on_cluster("install", *words, stdin=yaml.safe_dump(values))
    yield namespace
    helm_on_cluster("uninstall", RELEASE, f"--namespace={namespace}", "--ignore-not-found")


def checked(kubeconfig: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """Run what a container would run, as who its token says."""
    command = [sys.executable, "-m", "cosmos3_operator", *arguments, f"--kubeconfig={kubeconfig}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def test_helm_test_passes_under_the_accounts_of_its_pods(
    helm_on_cluster: Helm,
    kubectl: Kubectl,
    kubeconfig: Path,
    api: Api,
    installed: str,
    tmp_path: Path,
) -> None:
    # Simulated nodes run no containers: Helm sees the pods succeed, and the commands run here.
    assert "Phase:          Succeeded" in helm_on_cluster(
        "test", RELEASE, f"--namespace={installed}", "--timeout=240s"
    )
    hooks = helm_on_cluster("get", "hooks", RELEASE, f"--namespace={installed}")
    objects = list(yaml.safe_load_all(hooks))
    accounts = [found for found in objects if found["kind"] != "Pod"]
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(accounts))
    for pod in (found for found in objects if found["kind"] == "Pod"):
        own = account_kubeconfig(
            api,
            admin=kubeconfig,
            namespace=installed,
            account=pod["spec"]["serviceAccountName"],
            folder=tmp_path,
        )
        code, said = checked(own, pod["spec"]["containers"][0]["args"])
        # Nodes and the pods of other namespaces are of the whole cluster, and were not asked for.
        assert "0 failed" in said, said
        assert code == 0
    kubectl("delete", "-f", "-", stdin=yaml.safe_dump_all(accounts))


def test_check_tells_what_is_missing_and_what_is_lost(
    kubeconfig: Path, kubectl: Kubectl, api: Api, installed: str, tmp_path: Path
) -> None:
    name = json.loads(kubectl("get", "role", RELEASE, f"-n{installed}", "-ojson"))
    for rule in name["rules"]:
        if "deployments" in rule["resources"]:
            rule["verbs"].remove("patch")
        if "pods/log" in rule["resources"]:
            rule["resources"] = ["pods/nothing"]
    kubectl("replace", "-f", "-", stdin=json.dumps(name))
    own = account_kubeconfig(
        api, admin=kubeconfig, namespace=installed, account=RELEASE, folder=tmp_path
    )
    code, said = checked(own, ["check", f"--namespace={installed}"])
    assert code == 1
    assert f"FAIL  deployments.apps in namespace {installed}: may not patch" in said
    assert f"warn  pods/log in namespace {installed}: may not get: the status has" in said
    assert "1 failed" in said


def test_check_tells_a_namespace_that_does_not_exist_from_one_that_does(kubeconfig: Path) -> None:
    code, said = checked(kubeconfig, ["check", "--resources", f"--namespace=n-{uuid.uuid4().hex}"])
    assert code == 1
    assert "not found" in said
