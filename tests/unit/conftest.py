"""A CUDA driver that can be told what to say: compiled here, loaded as the real one is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests" / "probes" / "libcuda.c"


@pytest.fixture(scope="session")
def libcuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library."""
    made = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    options = ["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(made)]
    compiler = shutil.which(os.environ.get("CC", "cc"))
    command, environment = ([compiler], None) if compiler else packaged_compiler(made.parent)
    subprocess.run([*command, *options, str(SOURCE)], check=True, env=environment)
    return made


def packaged_compiler(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return a C compiler from a wheel, for machines that have none, and its environment."""
    lock = ROOT / "requirements" / "cc.txt"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = ["--require-hashes", "--no-deps", "--target", str(folder / "zig"), "-r", str(lock)]
    subprocess.run([*pip, *wanted], check=True)
    found = {**os.environ, "PYTHONPATH": str(folder / "zig"), "ZIG_GLOBAL_CACHE_DIR": str(folder)}
    return [sys.executable, "-m", "ziglang", "cc"], found
