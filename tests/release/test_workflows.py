"""The workflows cannot run here: they are linted, kept thin, and held to what the project says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotools.find import find
from support.repository import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yaml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")


def workflow(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    return dict(yaml.safe_load(path.read_text("utf-8")))


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in FILES:
        for name, job in workflow(path)["jobs"].items():
            yield f"{path.stem}/{name}", job


def steps() -> Iterator[dict[str, Any]]:
    for _, job in jobs():
        yield from job.get("steps", ())


def test_actionlint_has_no_complaint() -> None:
    """Without the linters of shell and Python that a machine may happen to have."""
    words = [str(find("actionlint")), "-no-color", "-shellcheck=", "-pyflakes=", *map(str, FILES)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_zizmor_has_no_complaint() -> None:
    """Offline: injections, permissions, credentials left behind, poisoned caches."""
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [str(program), "--offline", "--no-progress", "--quiet", "--pedantic", ".github"],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_with_the_version_beside_it(path: Path) -> None:
    lines = [line.strip() for line in path.read_text("utf-8").splitlines() if "uses:" in line]
    own = [line for line in lines if "uses: ./" in line]
    assert [line for line in lines if line not in own and not PINNED.search(line)] == []


def test_one_action_has_one_version() -> None:
    text = "\n".join(path.read_text("utf-8") for path in FILES)
    pins = set(re.findall(r"uses: ([\w./-]+)@(\w{40}) # (\S+)", text))
    assert len(pins) == len({name for name, *_ in pins})


def test_rights_are_given_to_each_job_and_none_to_all() -> None:
    assert all(workflow(path)["permissions"] == {} for path in FILES)
    given = {name: job["permissions"] for name, job in jobs()}
    writing = {name for name, rights in given.items() if "write" in rights.values()}
    assert writing == {"release/image", "release/packages", "release/publish"}


def test_every_job_has_an_end() -> None:
    assert [n for n, job in jobs() if "timeout-minutes" not in job and "uses" not in job] == []


def test_workflows_run_the_targets_that_there_are() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    used = {name for step in steps() for name in MAKE.findall(step.get("run", ""))}
    assert used
    assert used <= targets


def test_nothing_of_a_context_is_pasted_into_a_shell() -> None:
    assert [step["run"] for step in steps() if "${{" in step.get("run", "")] == []


def test_secrets_go_to_the_login_only() -> None:
    for path in FILES:
        text = path.read_text("utf-8")
        uses = re.findall(r"^ *(\S+): .*secrets\.", text, re.MULTILINE)
        assert set(uses) <= {"password"}


def test_every_server_that_is_judged_is_judged_at_night() -> None:
    listed = yaml.safe_load((ROOT / "tests/compat/environments.yaml").read_text("utf-8"))
    newest = [
        f"vllm-omni-{entry['vllm-omni']}" if "vllm-omni" in entry else f"vllm-{entry['vllm']}"
        for entry in listed["environments"]
    ]
    matrix = workflow(FOLDER / "nightly.yaml")["jobs"]["compat"]["strategy"]["matrix"]
    assert matrix["version"] == newest


def test_the_cache_is_keyed_by_all_that_goes_into_the_programs() -> None:
    text = (FOLDER / "ci.yaml").read_text("utf-8")
    patterns = re.findall(r"'(tests/[^']+)'", text)
    needed = [
        *(ROOT / "tests/gotools").rglob("go.*"),
        *(ROOT / "tests/gotools").rglob("*.go"),
        *(ROOT / "tests/bed/tools").iterdir(),
        *(ROOT / "tests/prom/tools").iterdir(),
        *(ROOT / "tests/gotools").glob("*.yaml"),
        ROOT / "tests/bed/versions.yaml",
    ]
    matched = {path for pattern in patterns for path in _glob(pattern)}
    assert {path for path in needed if path.is_file()} <= matched


def _glob(pattern: str) -> Iterator[Path]:
    return ROOT.glob(f"{pattern}/*" if pattern.endswith("**") else pattern)
