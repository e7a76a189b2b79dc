"""What is in the image: what was locked, compiled once and for all, and no more."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

from support.container import Image
from support.kubectl import ROOT

HOME = "opt/cosmos3-operator"
PACKAGES = re.compile(r"pip|ensurepip|setuptools|hatchling|wheel|.*\.whl")
PROGRAMS = re.compile(r"(pip|python|gcc|g\+\+|cc|ld|make|git|uv|curl|wget)[0-9.]*")
RUNS = re.compile(r"python[0-9.]*")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
UNCHECKED_HASH = 1
"""Flags in a .pyc file's header: valid whatever its source says (PEP 552)."""


def paths(root: Path) -> Iterator[Path]:
    """Every file and folder of the image."""
    for folder, folders, files in os.walk(root):
        yield from (Path(folder) / name for name in (*folders, *files))


def canonical(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def site_packages(image: Image) -> Path:
    """The folder with the operator and what it needs."""
    (found,) = (image.root / HOME / "lib").glob("python3.*/site-packages")
    return found


def test_the_packages_are_those_of_the_lock_and_the_project(image: Image) -> None:
    lock = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    found = {
        (canonical(package.name), package.version)
        for folder in site_packages(image).glob("*.dist-info")
        if (package := Distribution.at(folder))
    }
    ours = {entry for entry in found if entry[0] == "cosmos3-operator"}
    expected = {(canonical(name), version) for name, version in PIN.findall(lock)}
    assert len(ours) == 1
    # Of the lock, what is for other systems or older Pythons stays out.
    assert found - ours <= expected
    assert {"kopf", "pydantic", "aiohttp"} <= {name for name, _ in found}


def test_nothing_is_left_that_installs_or_builds(image: Image) -> None:
    left = [
        str(path.relative_to(image.root))
        for path in paths(image.root)
        if PACKAGES.fullmatch(path.name)
        or (path.parent.name == "bin" and PROGRAMS.fullmatch(path.name))
    ]
    assert [path for path in left if not RUNS.fullmatch(Path(path).name)] == []
    assert any(path.endswith("/python3") for path in left), "the search finds nothing"


def test_every_module_is_compiled_for_good(image: Image) -> None:
    compiled = {
        path.parent.parent / f"{path.name.split('.')[0]}.py": path.read_bytes()[4:8]
        for path in site_packages(image).rglob("__pycache__/*.pyc")
    }
    sources = set(site_packages(image).rglob("*.py"))
    assert sources
    assert sources - set(compiled) == set()
    assert {int.from_bytes(flags, "little") for flags in compiled.values()} == {UNCHECKED_HASH}


def test_no_file_belongs_to_the_user_that_runs(image: Image) -> None:
    uid = int(image.config["User"].partition(":")[0])
    assert [str(path) for path in paths(image.root) if path.lstat().st_uid == uid] == []


def test_the_labels_name_the_version_that_is_inside(image: Image) -> None:
    labels = image.config["Labels"]
    assert image.run("--version").output.split()[-1] == labels["org.opencontainers.image.version"]
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"])
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert list(site_packages(image).glob("cosmos3_operator-*/licenses/LICENSE"))
