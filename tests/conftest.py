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
from support.audit import AuditLog, in_short
from support.helm import NAMESPACE, RELEASE
from support.kubectl import ROOT, Kubectl
from support.operator_process import OperatorProcess
from support.resources import PLURALS
from support.rights import operator_account, remove
from support.waiting import eventually

TESTS = "tests"
"""A release of its own: another cluster may have the operator installed."""


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
    started = bed.up(folder, audit=True)
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
def audit_log(request: pytest.FixtureRequest) -> Path | None:
    """Every request that the API server answered; None on a cluster that is not ours."""
    if "COSMOS3_TEST_KUBECONFIG" in os.environ:
        return None
    found: Path = request.getfixturevalue("cluster").audit_log
    return found


@pytest.fixture(scope="session")
def operator_kubeconfig(
    kubeconfig: Path, audit_log: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """What the operator gets: the token of the chart's account, with the chart's roles.

    Where the API server keeps an audit log, nothing may have been refused to it in the end.
    """
    folder = tmp_path_factory.mktemp("account")
    yield operator_account(admin=kubeconfig, folder=folder, release=TESTS)
    remove(kubeconfig, release=TESTS)
    if audit_log is not None:
        denied = AuditLog(audit_log).denied(f"system:serviceaccount:{NAMESPACE}:{TESTS}-{RELEASE}")
        assert list(map(in_short, denied)) == [], "the chart's role lacks what the operator uses"


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
    operator_kubeconfig: Path, crds_installed: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator, running for one module."""
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    with OperatorProcess(kubeconfig=operator_kubeconfig, log=log) as process:
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
