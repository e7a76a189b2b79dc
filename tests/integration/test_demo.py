"""`make demo` works, and leaves nothing behind once it is told to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.kubectl import ROOT

pytestmark = pytest.mark.cluster


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(ROOT / part) for part in ("tests", "examples"))
    return subprocess.run(
        [sys.executable, "-m", "demo", *options],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def test_the_demo_ends_with_every_resource_in_its_right_state(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    try:
        done = demo("--dir", str(folder))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "All three are in their right states" in done.stdout
        assert "8 GPUs short" in done.stdout
        assert "Granted when asked at" in done.stdout
    finally:
        ended = demo("--down", "--dir", str(folder))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not folder.exists()
