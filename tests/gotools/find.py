"""Finds a program, or compiles it into a cache that all checkouts share.

In: programs.yaml, which pins each by version or by a module with checksums, and a variable of the
program's name in capitals that points to another one. Out: a path. What is on PATH is not taken:
whether a test passes must not depend on what a machine happens to have. A program appears in the
cache whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from bed import locks, toolchain
from bed.caches import cache_folder
from bed.progress import Say, Ticker, to_stderr
from gotools.errors import ToolError

HERE = Path(__file__).resolve().parent
_LONGEST_S = 3600.0
_FLAGS = ("-trimpath", "-ldflags", "-s -w")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program and where it comes from."""

    name: str
    package: str = "."
    version: str = ""
    module: str = ""
    on_demand: bool = False
    """Compiled where it is asked for by name, and not with the others."""

    @property
    def folder(self) -> Path:
        """Where Go is started: the module, or anywhere for a package by version."""
        return HERE / self.module

    def words(self, output: Path) -> list[str]:
        """Return the arguments for Go."""
        if self.module:
            return ["build", "-mod=readonly", *_FLAGS, "-o", str(output), self.package]
        return ["install", *_FLAGS, f"{self.package}@v{self.version}"]

    def key(self) -> str:
        """Name all that goes into the program."""
        digest = hashlib.sha256(" ".join(self.words(Path("out"))).encode())
        for path in sorted(self.folder.iterdir()) if self.module else ():
            if path.name in ("go.mod", "go.sum") or path.suffix == ".go":
                digest.update(path.read_bytes())
        digest.update(f"{platform.system()}/{platform.machine()}".encode())
        return f"{self.name}-{self.version or 'module'}-{digest.hexdigest()[:12]}"


def programs() -> list[str]:
    """Return the names of all programs that every test run needs."""
    return [name for name, program in by_name().items() if not program.on_demand]


@cache
def by_name() -> dict[str, Program]:
    """Return every program by its name."""
    listed = yaml.safe_load((HERE / "programs.yaml").read_text("utf-8"))
    return {name: Program(name=name, **entry) for name, entry in listed.items()}


def find(name: str, say: Say = to_stderr) -> Path:
    """Return one program, after compiling it if the cache lacks it."""
    variable = name.upper().replace("-", "_")
    if named := os.environ.get(variable):
        return _given(variable, Path(named).expanduser())
    program = by_name()[name]
    folder = cache_root() / program.key()
    path = folder / name
    if path.is_file():
        return path
    with locks.exclusive(folder / "lock", lambda: say(f"Somebody else compiles {name}: waiting")):
        if not path.is_file():
            _compile(program, folder, say)
    return path


def cache_root() -> Path:
    """Return the cache folder, outside of any checkout."""
    return cache_folder("gotools", variable="COSMOS3_TOOLS_CACHE")


def _given(variable: str, path: Path) -> Path:
    if not os.access(path, os.X_OK):
        raise ToolError(f"{variable} is {path}, which is no program; correct or unset it")
    return path


def _compile(program: Program, folder: Path, say: Say) -> None:
    go = toolchain.find(folder / "scratch", say)
    say(f"Compiling {program.name} {program.version}: this once, a minute or two")
    building = folder / "building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    output = building / program.name
    with Ticker(lambda: f"compiling {program.name}"):
        done = subprocess.run(
            [str(go.command), *program.words(output)],
            cwd=program.folder,
            env={**go.environment, "GOBIN": str(building)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_S,
        )
    if done.returncode != 0 or not output.is_file():
        said = "\n".join(f"  | {line}" for line in done.stderr.strip().splitlines()[-20:])
        raise ToolError(
            f"Go could not compile {program.name} (exit status {done.returncode}):\n{said}\n"
            "Run the same command again to go on; a network or disk that is gone shows above."
        )
    os.replace(output, folder / program.name)
    shutil.rmtree(building)
    go.discard_scratch()
