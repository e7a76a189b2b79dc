"""Every case of the gallery fails as it should, says why, and is mended.

All of them happen at once, on one control plane and with one operator; each has a namespace of its
own. What the status says must be what recorded/ holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from bed import api as bed
from gallery.cases import FOLDER, load
from gallery.exhibit import Exhibit
from support.api import Api
from support.kubectl import Kubectl
from support.operator_process import OperatorProcess
from support.rights import operator_account

pytestmark = pytest.mark.cluster

CASES = {case.name: case for case in load()}
AT_ONCE = 12
"""More do not make two cores faster, and each waits most of its time."""
NODE_LOSS_S = 8

Shown = Mapping[str, Future[str]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane with the gallery's nodes."""
    folder = tmp_path_factory.mktemp("gallery") / "cluster"
    try:
        yield bed.up(folder, nodes=FOLDER / "nodes.yaml", node_loss_s=NODE_LOSS_S)
    finally:
        bed.down(folder)


@pytest.fixture(scope="module")
def shown(cluster: bed.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """All cases on their way."""
    kubectl, api = Kubectl(cluster.kubeconfig), Api(cluster.kubeconfig)
    crds = str(Path(__file__).resolve().parents[2] / "crds")
    kubectl("apply", "--server-side", "-f", crds)
    kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", crds)
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    options = ("--preflight-image=example/operator:1",)
    kubeconfig = operator_account(admin=cluster.kubeconfig, folder=log.with_name("account"))
    with (
        OperatorProcess(kubeconfig=kubeconfig, log=log, options=options) as operator,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        exhibits = {name: Exhibit(case, cluster, api, kubectl) for name, case in CASES.items()}
        yield {name: pool.submit(exhibit.run) for name, exhibit in exhibits.items()}
        pool.shutdown(cancel_futures=True)
        assert operator.stop() == 0, log.read_text()
    api.close()


@pytest.mark.parametrize("name", CASES)
def test_a_failure_is_explained_and_mended(
    shown: Shown, name: str, request: pytest.FixtureRequest
) -> None:
    text, path = shown[name].result(), FOLDER / "recorded" / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.write_text(text, "utf-8")
    assert path.is_file(), f"{path} is missing: run 'make gallery' and read it"
    assert text == path.read_text("utf-8")


def test_every_recording_has_a_case() -> None:
    recorded = {path.stem for path in (FOLDER / "recorded").glob("*.txt")}
    assert recorded == set(CASES)
