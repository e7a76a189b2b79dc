"""Starting, repairing and ending a bed: what `up` and `down` promise."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import api, processes
from bed.errors import BedError
from bed.nodes import load_shapes

pytestmark = pytest.mark.cluster

SMALL = """
- name: tiny
  product: NVIDIA-L4
  gpus: 1
  memoryMiB: 23034
  taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
  labels: {pool: tests}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "cluster"
    yield path
    if not (path / "precious").exists():
        api.down(path)


def alive(pids: dict[str, int]) -> set[str]:
    return {name for name, pid in pids.items() if Path(f"/proc/{pid}/exe").exists()}


def test_up_again_changes_nothing_and_down_leaves_nothing(folder: Path) -> None:
    shapes = folder.with_name("shapes.yaml")
    shapes.write_text(SMALL)
    first = api.up(folder, nodes=shapes, audit=True)
    assert set(first.pids) == {
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kwok",
    }
    assert api.up(folder, nodes=shapes, audit=True) == first
    node = json.loads(first.kubectl("get", "node", "tiny-0", "-o", "json"))
    assert node["metadata"]["labels"]["pool"] == "tests"
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["nvidia.com/gpu"]
    assert first.audit_log is not None
    assert '"level":"Metadata"' in first.audit_log.read_text()
    assert len(api.down(folder)) == 6
    assert alive(first.pids) == set()
    assert processes.marked(folder) == []
    assert not folder.exists()


def test_up_without_controllers_repairs_what_died(folder: Path) -> None:
    first = api.up(folder, controllers=False)
    assert set(first.pids) == {"etcd", "kube-apiserver"}
    assert first.kubectl("get", "nodes", "-o", "name") == ""
    os.kill(first.pids["etcd"], signal.SIGKILL)
    health = api.status(folder)
    assert health is not None
    said: list[str] = []
    second = api.up(folder, controllers=False, progress=said.append)
    assert "half dead" in said[0]
    assert not set(first.pids.values()) & set(second.pids.values())
    assert second.kubectl("auth", "can-i", "*", "*") == "yes\n"


def test_down_finds_processes_whose_folder_was_deleted(folder: Path) -> None:
    cluster = api.up(folder, controllers=False)
    shutil.rmtree(folder)
    assert api.down(folder) == ["etcd", "kube-apiserver"]
    assert alive(cluster.pids) == set()


def test_a_recycled_process_id_is_left_alone(folder: Path) -> None:
    bystander = processes.Process("bystander", os.getpid(), started=1)
    assert not bystander.alive
    processes.stop([bystander], grace_s=0)


def test_a_folder_that_is_no_cluster_is_not_touched(folder: Path) -> None:
    folder.mkdir()
    (folder / "precious").write_text("data")
    with pytest.raises(BedError, match="not a cluster"):
        api.up(folder, controllers=False)
    with pytest.raises(BedError, match="not a cluster"):
        api.down(folder)
    assert (folder / "precious").read_text() == "data"


def test_a_failed_start_says_why_and_cleans_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("etcd", "kube-apiserver"):
        (assets / name).write_text("#!/bin/sh\necho it cannot work >&2\nexit 1\n")
        (assets / name).chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    with pytest.raises(BedError, match="it cannot work"):
        api.up(folder, controllers=False)
    assert not folder.exists()
    assert processes.marked(folder) == []


def test_assets_without_an_api_server_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(BedError, match=r"KUBEBUILDER_ASSETS is .* no etcd"):
        api.up(folder)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "must be a list"),
        ("- {name: a}", "'product' is missing"),
        ("- {name: a, product: b, gpus: 1, memoryMiB: 1, colour: red}", "unknown field 'colour'"),
        ("- [", "cannot read"),
    ],
)
def test_bad_node_shapes_are_explained(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "shapes.yaml"
    path.write_text(text)
    with pytest.raises(BedError, match=complaint):
        load_shapes(path)
