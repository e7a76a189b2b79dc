"""A CUDA driver that can be told what to say: compiled here, loaded as the real one is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "probes" / "libcuda.c"


@pytest.fixture(scope="session")
def libcuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library; where no compiler is, tests fail and say so."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    assert compiler, "no C compiler found: install one (Debian: gcc libc6-dev), or set CC"
    made = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    options = ["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(made)]
    subprocess.run([compiler, *options, str(SOURCE)], check=True)
    return made
