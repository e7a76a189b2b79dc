"""Compiling the bed: pins that agree, a cache that survives interruption. No cluster needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bed import build
from bed.errors import BedError
from bed.progress import silent
from bed.versions import HERE, minor_of, pinned

FAKE_GO = """#!/bin/sh
echo "$@" >> "$FAKE_GO_LOG"
case "$1" in
  env) echo go1.99.0; exit 0 ;;
esac
for last; do :; done
case "$last" in
  *$FAKE_GO_FAILS*) echo "some/package: disk full" >&2; exit 1 ;;
esac
echo some/package >&2
if [ "$1" = install ]; then out="$GOBIN/kwok"; fi
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then out="$2"; fi
  shift
done
echo binary > "$out"
"""


@pytest.fixture
def go_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "go").write_text(FAKE_GO)
    (programs / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("COSMOS3_BED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_GO_LOG", str(tmp_path / "go.log"))
    monkeypatch.setenv("FAKE_GO_FAILS", "nothing-fails")
    return tmp_path / "go.log"


def test_the_module_pins_the_versions_that_are_stated() -> None:
    text = (HERE / "tools" / "go.mod").read_text()
    assert f"\tk8s.io/kubernetes v{pinned().kubernetes} " in text
    assert f"\tgo.etcd.io/etcd/server/v3 v{pinned().etcd} " in text
    staging = "v0." + pinned().kubernetes.partition(".")[2]
    assert set(re.findall(r"=> k8s\.io/\S+ (\S+)", text)) == {staging}
    assert f"\ngo {pinned().go_minimum[0]}.{pinned().go_minimum[1]}" in text
    assert minor_of(pinned().kubectl_wheel.partition("==")[2]) == pinned().kubernetes_minor


def test_a_failed_build_goes_on_where_it_stopped(
    go_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(build.targets())
    monkeypatch.setenv("FAKE_GO_FAILS", "kube-scheduler")
    with pytest.raises(BedError, match="disk full"):
        build.ensure(names, silent)
    go_log.unlink()
    monkeypatch.setenv("FAKE_GO_FAILS", "nothing-fails")
    said: list[str] = []
    paths = build.ensure(names, said.append)
    assert all(path.read_text() == "binary\n" for path in paths.values())
    built = [line.split()[-1] for line in go_log.read_text().splitlines() if "-v" in line]
    assert [package.rpartition("/")[2] for package in built] == ["kube-scheduler", "kwok@v0.8.0"]
    assert "about" in said[0]
    assert "MiB to keep" in said[0]


def test_what_is_there_is_not_built_again(go_log: Path) -> None:
    build.ensure(["etcd"], silent)
    go_log.unlink()
    build.ensure(["etcd"], silent)
    assert not go_log.exists()
