"""Recorded parsers: what their files hold, and that none is read before it is needed."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from compat.subjects import Row, rows
from cosmos3_operator.catalog.flags import Takes, parse, recorded
from cosmos3_operator.catalog.load import CatalogError, load, version_key
from cosmos3_operator.catalog.types import Runtime, Surface

ROOT = Path(__file__).parents[3]
PARSERS = sorted(
    path.name.removesuffix(".json")
    for path in (files("cosmos3_operator.catalog") / "flags").iterdir()
    if path.name.endswith(".json")
)
JUDGED = [
    pytest.param(runtime, surface, id=f"{runtime.label} {surface}")
    for runtime in load().runtimes
    for surface in runtime.flags
]


@pytest.mark.parametrize("name", PARSERS)
def test_every_recorded_parser_can_be_read(name: str):
    flags = recorded(name)
    assert flags.label == " ".join(name.rsplit("-", 1))
    assert len(flags) > 200
    assert flags.by_spelling["-tp"] is flags.by_spelling["--tensor-parallel-size"]
    assert flags.by_spelling["--tensor-parallel-size"].takes is Takes.ONE
    assert set(flags.refused_at_start) <= set(flags.by_spelling)


@pytest.mark.parametrize(("runtime", "surface"), JUDGED)
def test_a_runtime_is_judged_by_its_own_parser_or_by_those_around_it(
    runtime: Runtime, surface: Surface
):
    names = runtime.flags[surface]
    assert set(names) <= set(PARSERS)
    server = "vllm-omni" if surface is Surface.GENERATOR else "vllm"
    assert {name.rpartition("-")[0] for name in names} == {server}
    versions = [version_key(name.rpartition("-")[2]) for name in names]
    own = version_key(runtime.version)
    assert versions == sorted(versions)
    # One minor version is one parser; otherwise the versions around it.
    assert versions[0][:2] <= own[:2] <= versions[-1][:2]
    assert len(versions) == 1 or versions[0] < own < versions[-1]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.runtime.label} {row.surface}")
def test_commands_are_tried_on_the_parsers_that_judge_arguments(row: Row):
    assert tuple(subject.name for subject in row.subjects) == row.runtime.flags[row.surface]


def test_what_only_some_versions_have():
    omni = {version: recorded(f"vllm-omni-{version}") for version in ("0.26.0", "0.28.0", "0.30.0")}
    assert [("--lora-path" in f.by_spelling) for f in omni.values()] == [False, True, True]
    assert [("--no-guardrails" in f.by_spelling) for f in omni.values()] == [True] * 3
    stopped = [("--shutdown-timeout" in f.refused_at_start) for f in omni.values()]
    assert stopped == [False, False, True]


def test_a_refusal_goes_by_the_spelling():
    text = (
        '{"engine": "vllm-omni", "version": "1.0.0", "flags": {"--enable-x": {"spellings":'
        ' ["--enable-x", "--no-enable-x"], "takes": "none"}},'
        ' "refused_at_start": {"--enable-x": "Unknown field: x"}}'
    )
    flags = parse(text, where="test")
    flag = flags.by_spelling["--enable-x"]
    assert flags.refusal("--enable-x", flag) == "Unknown field: x"
    assert flags.refusal("--no-enable-x", flag) is None
    assert flags.refusal("--enab", flag) == "Unknown field: x"


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"flags": {}}', '{"flags": {"--a": {"spellings": ["--a"], "takes": "two"}}}'],
)
def test_a_broken_file_is_named(text: str):
    with pytest.raises(CatalogError, match=r"^flags/x\.json: "):
        parse(text, where="flags/x.json")


def test_a_parser_that_was_not_recorded():
    with pytest.raises(CatalogError, match=r"flags/vllm-0\.1\.0\.json: there is no such file"):
        recorded("vllm-0.1.0")


def test_none_is_read_unless_a_resource_has_arguments_of_its_own():
    script = (
        "import pathlib, sys\n"
        "from cosmos3_operator.catalog.flags import recorded\n"
        "from cosmos3_operator.cli.files import read_resources\n"
        "from cosmos3_operator.cli.render import plan_all\n"
        "from cosmos3_operator.plan.facts import Facts\n"
        "for folder in sys.argv[1:]:\n"
        "    plan_all(read_resources([folder]), namespace=None, facts=Facts())\n"
        "    print(recorded.cache_info().currsize > 0)\n"
    )
    words = [str(ROOT / "examples"), str(ROOT / "tests/golden/pod-shaping/cr.yaml")]
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
