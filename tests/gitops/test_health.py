"""Argo CD's health scripts: their own tests as Argo CD runs them, and the forms for argocd-cm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_health import FOLDER, files, scripts
from cosmos3_operator.api.resource import GROUP, Kind
from support.judge import judge

TESTS = sorted(FOLDER.glob("*/*/health_test.yaml"))


def expected_of(path: Path) -> list[dict[str, Any]]:
    return yaml.safe_load(path.read_text("utf-8"))["tests"]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("open_libs", [False, True], ids=["argocd-cm", "upstream"])
def test_a_script_says_what_its_tests_expect(path: Path, *, open_libs: bool) -> None:
    expected = expected_of(path)
    bodies = [yaml.safe_load((path.parent / one["inputPath"]).read_text()) for one in expected]
    found = [one.argo for one in judge(bodies, open_libs=open_libs)]
    assert [vars(one) for one in found if one] == [one["healthStatus"] for one in expected]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.parent.name)
def test_every_file_of_test_data_is_used(path: Path) -> None:
    used = {one["inputPath"] for one in expected_of(path)}
    there = {f"testdata/{one.name}" for one in (path.parent / "testdata").iterdir()}
    assert used == there


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.parent.name)
def test_every_health_that_a_script_knows_is_tested(path: Path) -> None:
    tested = {one["healthStatus"]["status"] for one in expected_of(path)}
    assert tested == {"Healthy", "Progressing", "Degraded"}


def test_both_kinds_have_the_same_script() -> None:
    """They keep the same conditions; upstream wants a file for each kind."""
    assert set(scripts()) == set(Kind)
    assert len(set(scripts().values())) == 1


def test_the_forms_to_apply_name_each_kind_and_hold_its_script() -> None:
    config = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text("utf-8"))
    managed = yaml.safe_load((FOLDER / "argocd-operator.yaml").read_text("utf-8"))
    assert config["data"] == {
        f"resource.customizations.health.{GROUP}_{kind}": text for kind, text in scripts().items()
    }
    assert managed["spec"]["resourceHealthChecks"] == [
        {"group": GROUP, "kind": str(kind), "check": text} for kind, text in scripts().items()
    ]


def test_what_is_generated_is_fresh() -> None:
    stale = [path for path, text in files().items() if path.read_text("utf-8") != text]
    assert stale == [], "run `make docs`"
