"""Checkouts to release from: a copy of the files that state a version, and a whole clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.versions import PLACES
from support.repository import ROOT, tracked


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that state the version, to be changed."""
    for file in PLACES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


@dataclass(frozen=True)
class Clone:
    """A repository of its own with the files of this one, and its release tool."""

    root: Path

    def git(self, *words: str) -> str:
        """Run git as somebody, whatever the machine's own settings."""
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
        return self._run("git", *who, *words).stdout.strip()

    def make(
        self, *words: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run make as a maintainer does, with this environment instead of one made for it."""
        here = f"BIN={Path(sys.executable).parent}"
        return self._run("make", "--old-file=setup", here, *words, check=check, env=variables)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", f"--message={message}")

    def _run(
        self, *words: str, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            words,
            cwd=self.root,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done


def clone_into(folder: Path) -> Clone:
    """Copy every file of the project, committed or not, into a repository and commit them."""
    for path in tracked():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    clone = Clone(folder)
    clone.git("init", "--quiet")
    clone.commit("Begin")
    return clone


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return clone_into(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def clone(pristine: Clone) -> Iterator[Clone]:
    """A clone to change; afterwards it is as before."""
    start = pristine.git("rev-parse", "HEAD")
    yield pristine
    pristine.git("reset", "--quiet", "--hard", start)
    pristine.git("clean", "--quiet", "--force", "-d")
