"""Fixtures that every suite shares: a real control plane, reached only through a kubeconfig.

`COSMOS3_TEST_KUBECONFIG` points the suites at another cluster (kind, or any); then nothing is
started and nothing is taken down.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import api as bed
from support.api import GROUP, Api
from support.kubectl import ROOT, Kubectl
from support.operator_process import OperatorProcess
from support.resources import PLURALS
from support.waiting import eventually


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites golden files."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the code makes into the golden folders instead of comparing",
    )


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane of our own with simulated GPU nodes, for the whole session."""
    folder = tmp_path_factory.mktemp("bed") / "cluster"
    started = bed.up(folder)
    try:
        yield started
    finally:
        bed.down(folder)


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """The kubeconfig of the cluster under test."""
    given = os.environ.get("COSMOS3_TEST_KUBECONFIG")
    return Path(given) if given else request.getfixturevalue("cluster").kubeconfig


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Kubectl:
    """Real kubectl."""
    return Kubectl(kubeconfig)


@pytest.fixture(scope="session")
def crds_installed(kubectl: Kubectl) -> None:
    """Both CRDs, served."""
    kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", str(ROOT / "crds"))


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Iterator[Api]:
    """An observer of the cluster that shares no code with the operator."""
    found = Api(kubeconfig)
    yield found
    found.close()


@pytest.fixture(scope="module")
def operator(
    kubeconfig: Path, crds_installed: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator, running for one module."""
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    with OperatorProcess(kubeconfig=kubeconfig, log=log) as process:
        yield process
        assert process.stop() == 0, log.read_text()


@pytest.fixture
def namespace(api: Api, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of its own for each test, emptied afterwards so that GPUs are free again."""
    name = api.namespace(f"t-{uuid.uuid4().hex[:10]}")
    yield name
    for plural in PLURALS.values():
        api.delete(f"{GROUP}/namespaces/{name}/{plural}")
    api.delete(f"/api/v1/namespaces/{name}")
    eventually(
        lambda: api.get(f"/api/v1/namespaces/{name}/pods"),
        lambda pods: not (pods or {}).get("items"),
        what=f"the end of the pods in {name}",
    )
