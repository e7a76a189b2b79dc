"""The CRDs on a real API server: accepted without a warning, and what kubectl makes of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cosmos3_operator.api.crds import crd
from cosmos3_operator.api.resource import GROUP, VERSION, Kind
from support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crds_installed")]

CRDS = Path(__file__).resolve().parents[2] / "crds"
SHORT = {Kind.GENERATOR: "cgen", Kind.REASONER: "creason"}


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    name = f"schema-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(params=Kind)
def served(request: pytest.FixtureRequest, kubectl: Kubectl, namespace: str) -> tuple[str, str]:
    """A stored resource of each kind, as `shortname/name`, and its namespace."""
    kind = request.param
    body = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": str(kind),
        "metadata": {"name": "nano", "namespace": namespace},
        "spec": {"model": "nvidia/Cosmos3-Nano"},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(body))
    return f"{SHORT[kind]}/nano", namespace


@pytest.mark.parametrize("how", ["--server-side", "--server-side=false"])
def test_both_ways_to_apply_work_without_a_warning(kubectl: Kubectl, how: str) -> None:
    options = ["--force-conflicts"] if how == "--server-side" else []
    said = kubectl("apply", how, *options, "--dry-run=server", "-f", str(CRDS))
    complaints = [line for line in said.splitlines() if "last-applied-configuration" not in line]
    assert len(complaints) == len(Kind), said
    assert all("warning" not in line.lower() for line in complaints), said


@pytest.mark.parametrize("kind", Kind)
def test_schema_is_structural_and_names_are_accepted(kubectl: Kubectl, kind: Kind) -> None:
    live = json.loads(kubectl("get", "crd", crd(kind)["metadata"]["name"], "-o", "json"))
    conditions = {c["type"]: c["status"] for c in live["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert live["spec"]["versions"][0]["schema"] == crd(kind)["spec"]["versions"][0]["schema"]


def test_defaults_fill_what_was_left_out(kubectl: Kubectl, served: tuple[str, str]) -> None:
    spec = found(kubectl, served)["spec"]
    assert spec["replicas"] == 1
    assert spec["cache"] == {"type": "EmptyDir", "accessMode": "ReadWriteOnce"} | {
        "retention": "Delete"
    }
    assert spec["gpu"]["resourceName"] == "nvidia.com/gpu"
    assert spec["networkPolicy"]["blockedCIDRs"] == ["169.254.0.0/16"]


def test_scale_works_and_is_validated(kubectl: Kubectl, served: tuple[str, str]) -> None:
    name, namespace = served
    kubectl("scale", name, "-n", namespace, "--replicas=3")
    assert found(kubectl, served)["spec"]["replicas"] == 3
    kubectl("scale", name, "-n", namespace, "--replicas=0")
    said = kubectl("scale", name, "-n", namespace, "--replicas=1001", check=False)
    assert "spec.replicas in body should be less than or equal to 1000" in said


def test_status_is_written_apart_and_shown(kubectl: Kubectl, served: tuple[str, str]) -> None:
    name, namespace = served
    status: dict[str, Any] = {
        "observedGeneration": 1,
        "replicas": 2,
        "readyReplicas": 1,
        "selector": "app=nano",
        "endpoint": "http://nano",
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "Starting",
                "message": "one of two",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
                "observedGeneration": 1,
            }
        ],
    }
    patch = json.dumps({"status": status, "spec": {"replicas": 7}})
    arguments = (name, "-n", namespace, "--type=merge", "-p", patch)
    kubectl("patch", *arguments, "--subresource=status")
    body = found(kubectl, served)
    assert body["status"] == status
    assert body["spec"]["replicas"] == 1
    scale = json.loads(kubectl("get", name, "-n", namespace, "--subresource=scale", "-o", "json"))
    assert scale["status"] == {"replicas": 2, "selector": "app=nano"}
    wide = kubectl("get", name, "-n", namespace, "-o", "wide").splitlines()
    usual = ["NAME", "MODEL", "GPUS", "REPLICAS", "UP", "READY", "REASON"]
    columns = [*usual, "PHASE", "LEFT", "SINCE", "AGE"]
    assert wide[0].split() == [*columns, "PROGRESS", "ENDPOINT", "MESSAGE"]
    assert wide[1].split()[:6] == ["nano", "nvidia/Cosmos3-Nano", "1", "1", "False", "Starting"]
    narrow = kubectl("get", name, "-n", namespace).splitlines()
    assert narrow[0].split() == columns


def test_category_finds_it(kubectl: Kubectl, served: tuple[str, str]) -> None:
    assert "nano" in kubectl("get", "cosmos", "-n", served[1])


def test_explain_describes_every_field(kubectl: Kubectl) -> None:
    said = kubectl("explain", "cgen.spec.parallelism.cfg")
    assert "Classifier-free-guidance" in said


def found(kubectl: Kubectl, served: tuple[str, str]) -> dict[str, Any]:
    name, namespace = served
    body: dict[str, Any] = json.loads(kubectl("get", name, "-n", namespace, "-o", "json"))
    return body
