"""Runs programs: git, hatchling, Helm."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from release.errors import ReleaseError


def output(*words: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it prints; what it says of a failure becomes the error."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise ReleaseError(f"'{' '.join(words[:3])}' ended with {done.returncode}:\n{said}")
    return done.stdout.rstrip("\n")


def commit_time(root: Path) -> int:
    """Return when the commit was made, in seconds: the date of all that is built from it."""
    return int(output("git", "log", "-1", "--format=%ct", cwd=root))
