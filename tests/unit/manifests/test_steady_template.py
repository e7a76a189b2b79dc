"""A pod restarts when its template changes: nothing that comes and goes may get into it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from hypothesis import given

from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.settings import Settings
from cosmos3_operator.plan.types import Plan
from support.repository import ROOT
from unit.plan import specs

PACKAGE = ROOT / "operator" / "src" / "cosmos3_operator"
DECIDES = ("api", "catalog", "plan", "manifests", "probes", "reconcile")
"""Rooms from which something can get into a pod."""


def pods_of(made: Plan) -> list[object]:
    return [child for child in render(made) if child["kind"] in ("ConfigMap", "Deployment")]


def test_the_version_of_the_operator_is_not_known_where_pods_are_made() -> None:
    knows = re.compile(r"__version__|importlib\.metadata")
    files = [file for room in DECIDES for file in (PACKAGE / room).rglob("*.py")]
    assert len(files) > 50
    assert [str(file) for file in files if knows.search(file.read_text("utf-8"))] == []


@given(asked=specs.ASKED)
def test_the_image_that_asks_the_hub_is_of_its_job_only(
    asked: tuple[str, dict[str, object]],
) -> None:
    kind, spec = asked
    if specs.refusal(kind, **spec):
        return
    resource = specs.resource(kind, spec)
    first, then, never = (
        make_plan(resource, Facts(), settings=Settings(preflight_image=image))
        for image in ("registry.example.com/op:1", "registry.example.com/op:2", "")
    )
    assert pods_of(first) == pods_of(then) == pods_of(never)


def test_two_processes_render_the_same() -> None:
    """Neither the order of a set nor anything of a process's surroundings matters."""
    seen = {
        rendered(PYTHONHASHSEED="1", TZ="UTC", LANG="C", HOME="/a", HOSTNAME="one"),
        rendered(PYTHONHASHSEED="2", TZ="Asia/Tokyo", LANG="C.UTF-8", HOME="/b", HOSTNAME="two"),
    }
    assert len(seen) == 1


def rendered(**surroundings: str) -> bytes:
    program = Path(sys.executable).with_name("cosmos3-operator")
    done = subprocess.run(
        [program, "render", "-f", str(ROOT / "examples"), "--preflight-image=a.example.com/b:1"],
        capture_output=True,
        check=True,
        env={**os.environ, **surroundings},
    )
    assert done.stdout.count(b"kind: Deployment") > 5
    return done.stdout
