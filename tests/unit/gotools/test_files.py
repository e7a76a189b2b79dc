"""Files out of a Go module: pinned by hash, fetched once, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bed.progress import silent
from gotools.errors import ToolError
from gotools.files import file_sets, find_files

NAME = "prometheus-operator-crds"
FAKE_GO = """#!/bin/sh
case "$1" in env) echo go1.99.0; exit 0 ;; esac
echo "$@" >> "$FAKE_GO_LOG"
cat "$FAKE_GO_LOG.answer"
"""


def answer(log: Path, *, sum_: str, files: tuple[str, ...]) -> None:
    module = log.parent / "module"
    for name in files:
        (module / name).parent.mkdir(parents=True, exist_ok=True)
        (module / name).write_text("kind: Test\n")
    Path(f"{log}.answer").write_text(json.dumps({"Dir": str(module), "Sum": sum_}))


def test_every_set_is_pinned_by_version_and_hash() -> None:
    for found in file_sets().values():
        assert found.version
        assert found.sum.startswith("h1:")
        assert found.files


def test_files_are_fetched_once(go_log: Path) -> None:
    wanted = file_sets()[NAME]
    answer(go_log, sum_=wanted.sum, files=wanted.files)
    folder = find_files(NAME, silent)
    assert find_files(NAME, silent) == folder
    assert sorted(p.name for p in folder.iterdir()) == sorted(Path(f).name for f in wanted.files)
    (line,) = go_log.read_text().splitlines()
    assert line == f"mod download -json {wanted.module}@v{wanted.version}"


def test_another_hash_is_refused_and_leaves_nothing(go_log: Path) -> None:
    wanted = file_sets()[NAME]
    answer(go_log, sum_="h1:other", files=wanted.files)
    with pytest.raises(ToolError, match="has the hash h1:other and not"):
        find_files(NAME, silent)
    answer(go_log, sum_=wanted.sum, files=wanted.files)
    assert find_files(NAME, silent).is_dir()


def test_a_file_that_is_gone_is_named(go_log: Path) -> None:
    wanted = file_sets()[NAME]
    answer(go_log, sum_=wanted.sum, files=wanted.files[1:])
    with pytest.raises(ToolError, match=f"has no {wanted.files[0]}: correct files.yaml"):
        find_files(NAME, silent)


def test_what_go_says_is_told(go_log: Path) -> None:
    Path(f"{go_log}.answer").write_text(json.dumps({"Error": "no such module"}))
    with pytest.raises(ToolError, match=r"could not fetch .*: no such module"):
        find_files(NAME, silent)
