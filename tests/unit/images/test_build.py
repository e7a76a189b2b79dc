"""What builds the image agrees with the Dockerfile, measures right, and says what is missing."""

from __future__ import annotations

import gzip
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from support.dockerfile import stages
from support.repository import ROOT


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("images_build", ROOT / "images" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_stand_in_is_like_the_official_base(build: ModuleType) -> None:
    base = stages(build.DOCKERFILE.read_text("utf-8"))[-1].base
    assert f"python:{build.PYTHON}." in base
    assert base.endswith(f"-slim-{build.SUITE}")


def test_wheels_are_fetched_for_every_lock_that_the_dockerfile_installs(build: ModuleType) -> None:
    text = build.DOCKERFILE.read_text("utf-8")
    assert {
        lock for lock in ("build", "runtime", "dev") if f"-r requirements/{lock}.txt" in text
    } == {*build.LOCKS}


def test_a_layer_is_measured_packed_and_unpacked(build: ModuleType, tmp_path: Path) -> None:
    blob = tmp_path / "layer"
    blob.write_bytes(gzip.compress(b"0" * 3_000_000))
    size = build._measure(blob)
    assert (size.compressed, size.unpacked) == (blob.stat().st_size, 3_000_000)
    assert build.total([size, size]).unpacked == 6_000_000
    assert str(build.total([size, size])).endswith("MB to pull, 6.0 MB unpacked")


def test_a_program_that_fails_is_quoted(build: ModuleType) -> None:
    with pytest.raises(build.BuildError, match=r"ended with 3:\nno such thing"):
        build.output(sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)")
