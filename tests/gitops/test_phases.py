"""What Argo CD, Flux and kubectl see while a resource lives: every phase is made to happen, once.

recorded.yaml holds what they saw, for docs/gitops.md; --update-golden rewrites it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops.life import Life
from gitops_page import RECORDED, phases
from support.api import GROUP, Api
from support.helm import Helm
from support.judge import AGREEING, judge
from support.kubectl import Kubectl
from support.operator_process import OperatorProcess
from support.resources import PLURALS
from support.waiting import eventually

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
BY_JSONPATH = """jsonpath={.status.conditions[?(@.type=="Ready")].status}=True"""
PHASES = {phase["name"]: phase for phase in phases()}
LIVE = [phase for phase in phases() if "golden" not in phase]
ABSENT = [phase for phase in LIVE if phase.get("operator") == "not yet there"]
GONE = [phase for phase in LIVE if phase.get("operator") == "gone"]
RUNNING = [phase for phase in LIVE if "operator" not in phase]
BY_HEART = [phase for phase in phases() if "golden" in phase]


@pytest.fixture(scope="module")
def life(api: Api, kubectl: Kubectl, crds_installed: None) -> Iterator[Life]:
    """A namespace for all of them, emptied afterwards so that GPUs are free again."""
    life = Life(api, kubectl, api.namespace(f"phases-{uuid.uuid4().hex[:10]}"))
    yield life
    life.let_go(PHASES["going"])
    for plural in PLURALS.values():
        api.delete(f"{GROUP}/namespaces/{life.namespace}/{plural}")
    api.delete(f"/api/v1/namespaces/{life.namespace}")
    eventually(lambda: api.pods(life.namespace), lambda pods: not pods, what="the end of all pods")


@pytest.fixture(scope="module")
def install(
    life: Life, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Installs or upgrades a chart of one model with real Helm, and waits for it."""
    chart, home = tmp_path_factory.mktemp("chart"), tmp_path_factory.mktemp("helm")
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: model, version: 1.0.0}")
    (chart / "templates").mkdir()
    model = yaml.safe_dump(life.body({"name": "packaged"}))
    (chart / "templates" / "model.yaml").write_text(model)
    helm = Helm(home=home, kubeconfig=kubeconfig)

    def run(timeout: str, *, check: bool) -> str:
        words = ("upgrade", "--install", "model", str(chart), "-n", life.namespace)
        return helm(*words, "--wait", f"--timeout={timeout}", check=check)

    return run


@pytest.fixture(scope="module")
def lived(
    life: Life,
    install: Callable[..., str],
    kubeconfig: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Any]:
    """Every phase, in a life before, with and after an operator."""
    seen: dict[str, Any] = {phase["name"]: life.play(phase) for phase in BY_HEART}
    seen["helm without an operator"] = install("2s", check=False)
    for phase in ABSENT:
        life.begin(phase)
        seen[phase["name"]] = life.look(phase)
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    options = ("--preflight-image=example/operator:1",)
    with OperatorProcess(kubeconfig=kubeconfig, log=log, options=options) as operator:
        for phase in (*RUNNING, *GONE):
            life.begin(phase)
        for phase in RUNNING:
            life.befall(phase)
        seen |= {phase["name"]: life.look(phase) for phase in RUNNING}
        seen["helm"] = install("240s", check=True)
        seen["children"] = _children(life)
        for phase in GONE:
            life.await_reason(phase, "Serving")
        assert operator.stop() == 0, log.read_text()
    for phase in GONE:
        life.befall(phase)
        seen[phase["name"]] = life.look(phase)
    seen["by jsonpath"] = life.wait(life.body(PHASES["changed"]), BY_JSONPATH)
    return seen


def _children(life: Life) -> Json:
    """Return what kstatus says of each child of what serves and of what loads."""
    bodies = [
        (instance, body)
        for instance in ("serving", "loading")
        for body in life.api.children(life.namespace, instance)
    ]
    versions = {"Deployment": "apps/v1", "NetworkPolicy": "networking.k8s.io/v1"}
    judged = judge({"apiVersion": versions.get(one["kind"], "v1"), **one} for _, one in bodies)
    return {
        f"{instance}/{body['kind']}": found.kstatus.status
        for (instance, body), found in zip(bodies, judged, strict=True)
    }


@pytest.fixture(scope="module")
def refused(life: Life) -> str:
    """What kubectl says about a spec that breaks a rule."""
    body = life.body({"name": "odd", "spec": {"parallelism": {"tensor": 3}}})
    said = life.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(body), check=False)
    assert life.api.get(life.api.path(body)) is None
    return said.strip()


@pytest.fixture(scope="module", autouse=True)
def recorded(
    request: pytest.FixtureRequest, lived: Mapping[str, Any], refused: str
) -> Mapping[str, Any]:
    """What is kept of an earlier life."""
    if request.config.getoption("--update-golden"):
        kept = {"refused": refused, "phases": {name: lived[name] for name in PHASES}}
        RECORDED.write_text(yaml.safe_dump(kept, sort_keys=False, width=100), "utf-8")
    found: Mapping[str, Any] = yaml.safe_load(RECORDED.read_text("utf-8"))
    return found


@pytest.mark.parametrize("name", PHASES)
def test_a_phase_looks_as_recorded(
    lived: Mapping[str, Any], recorded: Mapping[str, Any], name: str
) -> None:
    assert lived[name] == recorded["phases"][name], "run with --update-golden, and read the diff"


def test_what_breaks_a_rule_never_gets_in(refused: str, recorded: Mapping[str, Any]) -> None:
    assert refused == recorded["refused"]
    assert "is invalid" in refused


@pytest.mark.parametrize("name", sorted(set(PHASES) - {"going"}))
def test_tools_agree_in_every_phase(lived: Mapping[str, Any], name: str) -> None:
    seen = lived[name]
    assert seen["argo"] == AGREEING[seen["kstatus"]]
    assert (seen["ready"] == "met") == (seen["kstatus"] == "Current")
    assert (seen["stalled"] == "met") == (seen["kstatus"] == "Failed")


def test_nothing_is_current_before_the_operator_has_looked(lived: Mapping[str, Any]) -> None:
    assert lived["new"] == {
        "says": "",
        "argo": "Progressing",
        "kstatus": "InProgress",
        "ready": "waits",
        "stalled": "waits",
    }


def test_helm_waits_until_a_model_serves(lived: Mapping[str, Any]) -> None:
    assert "resource CosmosGenerator/" in lived["helm without an operator"]
    assert "not ready. status: InProgress" in lived["helm without an operator"]
    assert "has been upgraded" in lived["helm"]


def test_only_a_wait_by_jsonpath_believes_an_old_status(lived: Mapping[str, Any]) -> None:
    """Which docs/gitops.md warns of; kubectl compares generations only for conditions."""
    assert lived["changed"]["ready"] == "waits"
    assert lived["by jsonpath"] == "met"


def test_children_look_as_their_resource_does(lived: Mapping[str, Any]) -> None:
    children = lived["children"]
    assert {name for name in children if name.endswith("/Deployment")} == {
        "serving/Deployment",
        "loading/Deployment",
    }
    assert {name for name, status in children.items() if status != "Current"} == {
        "loading/Deployment"
    }


def test_every_recording_has_a_phase(recorded: Mapping[str, Any]) -> None:
    assert list(recorded["phases"]) == list(PHASES)
