"""Takes files out of a published Go module, into the cache that all checkouts share.

In: files.yaml, which pins module, version and hash. Out: a folder with exactly those files. Go
fetches the module and checks it against the public checksum database; the hash here is compared as
well. The folder appears in the cache whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from bed import locks, toolchain
from bed.progress import Say, to_stderr
from gotools.errors import ToolError
from gotools.find import HERE, cache_root

_LONGEST_S = 600.0


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """Some files of one module."""

    name: str
    module: str
    version: str
    sum: str
    files: tuple[str, ...]


@cache
def file_sets() -> dict[str, FileSet]:
    """Return every set by its name."""
    listed = yaml.safe_load((HERE / "files.yaml").read_text("utf-8"))
    return {
        name: FileSet(name=name, **{**entry, "files": tuple(entry["files"])})
        for name, entry in listed.items()
    }


def find_files(name: str, say: Say = to_stderr) -> Path:
    """Return the folder of one set, after fetching it if the cache lacks it."""
    wanted = file_sets()[name]
    home = cache_root() / f"{name}-{wanted.version}"
    folder = home / "files"
    with locks.exclusive(home / "lock", lambda: say(f"Somebody else fetches {name}: waiting")):
        if not all((folder / Path(file).name).is_file() for file in wanted.files):
            _fetch(wanted, home, say)
    return folder


def _fetch(wanted: FileSet, home: Path, say: Say) -> None:
    say(f"Fetching {wanted.module} {wanted.version} for its files: this once")
    building = home / "building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    go = toolchain.find(home / "scratch", say)
    source = _source(wanted, go, building)
    for file in wanted.files:
        if not (source / file).is_file():
            raise ToolError(f"{wanted.module} {wanted.version} has no {file}: correct files.yaml")
        shutil.copyfile(source / file, building / Path(file).name)
    shutil.rmtree(home / "files", ignore_errors=True)
    os.replace(building, home / "files")
    go.discard_scratch()


def _source(wanted: FileSet, go: toolchain.Go, folder: Path) -> Path:
    """Have Go fetch the module, and return where it lies."""
    done = subprocess.run(
        [str(go.command), "mod", "download", "-json", f"{wanted.module}@v{wanted.version}"],
        cwd=folder,
        env=go.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
    )
    answer = json.loads(done.stdout or "{}")
    if done.returncode != 0 or "Dir" not in answer:
        said = answer.get("Error") or done.stderr.strip()
        raise ToolError(f"Go could not fetch {wanted.module} {wanted.version}: {said}")
    if answer["Sum"] != wanted.sum:
        raise ToolError(
            f"{wanted.module} {wanted.version} has the hash {answer['Sum']} and not {wanted.sum}:"
            " if the version was changed on purpose, write the new one into files.yaml"
        )
    return Path(answer["Dir"])
