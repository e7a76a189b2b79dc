"""The shape of the repository: the standard library wins, locks are whole, no local path leaks."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.repository import ROOT, tracked

FOLDERS = {
    *(".ci", ".github", "bench", "charts", "crds", "docs", "e2e", "examples", "images"),
    *("operator", "requirements", "tests"),
}
FILES = {
    *(".dockerignore", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("LICENSE", "Makefile", "README.md", "SECURITY.md", "pyproject.toml"),
}

# Written in parts, so that this file does not contain what it looks for.
MACHINE_PATHS = re.compile(rb"(?<![\w.$}])/(?:" + b"|".join((b"work", b"root")) + rb")/\w")
URL = re.compile(r"\w+://|\s@\s|--(extra-)?index-url|--find-links")
PIN = re.compile(r"[A-Za-z0-9._-]+(\[[A-Za-z0-9,._-]+\])?==[^\s;]+( ; .+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def test_operator_is_a_folder_and_not_a_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not (ROOT / "operator.py").exists()
    assert list((ROOT / "operator").glob("*.py")) == []


def test_the_standard_library_wins_at_the_repository_root() -> None:
    program = (
        "import collections, operator; print(operator.itemgetter.__module__, operator.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    module, file = done.stdout.split()
    assert module == "operator"
    assert ROOT not in Path(file).parents or ".venv" in file


def test_the_top_level_holds_what_a_newcomer_expects() -> None:
    names = {path.relative_to(ROOT).parts for path in tracked()}
    assert {parts[0] for parts in names if len(parts) > 1} == FOLDERS
    assert {parts[0] for parts in names if len(parts) == 1} == FILES


LOCKS = ("requirements/runtime.txt", "requirements/dev.txt", "requirements/build.txt")


@pytest.fixture(params=[*LOCKS, "images/generator/requirements.txt"])
def lock(request: pytest.FixtureRequest) -> str:
    return (ROOT / str(request.param)).read_text("utf-8")


def requirements_of(lock: str) -> Iterator[list[str]]:
    """Yield each requirement of a lock as its parts: the pin, then its hashes."""
    for line in lock.replace("\\\n", "\0").splitlines():
        if line and not line.startswith("#"):
            yield [part.strip() for part in line.split("\0")]


def test_every_pin_has_hashes(lock: str) -> None:
    requirements = list(requirements_of(lock))
    assert requirements
    for pin, *hashes in requirements:
        assert PIN.fullmatch(pin), pin
        assert hashes, f"{pin} has no hash"
        assert all(map(HASH.fullmatch, hashes)), pin


def test_a_lock_names_no_host(lock: str) -> None:
    assert [line for line in lock.splitlines() if URL.search(line)] == []


def test_development_uses_the_versions_that_run_and_build() -> None:
    run, develop, build = (
        {pin for pin, *_ in requirements_of((ROOT / name).read_text("utf-8"))} for name in LOCKS
    )
    assert run | build <= develop


def test_the_checksums_of_the_control_plane_name_no_url() -> None:
    folder = ROOT / "tests" / "bed" / "tools"
    assert [name for name in ("go.mod", "go.sum") if "://" in (folder / name).read_text()] == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.decode('utf-8', 'replace').strip()}"
        for path in tracked()
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert found == []


def test_readme_does_not_write_a_test_command_of_its_own() -> None:
    assert "make test" in (ROOT / "README.md").read_text("utf-8")
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith("make test")
