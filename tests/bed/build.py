"""Compiles the control plane once, into a cache that all checkouts share.

In: tools/go.mod and go.sum (a Go module without code) and versions.yaml. Out: one folder of
binaries, named after their content hash. A binary appears there whole or not at all, so an
interrupted build goes on where it stopped: finished binaries are kept, and so is what Go's own
build cache holds of an unfinished one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bed import locks, toolchain
from bed.caches import cache_folder
from bed.errors import BedError
from bed.progress import Say, Ticker, clock
from bed.versions import HERE, pinned

_TOOLS = HERE / "tools"
_TAIL_LINES = 25


@dataclass(frozen=True)
class Target:
    """One binary and where its main package lies."""

    name: str
    package: str
    version: str
    by_version: bool = False
    """Installed by path and version, apart from the module: it would move its dependencies."""


def targets() -> dict[str, Target]:
    """Everything that can be compiled, in the order that shares most work."""
    versions = pinned()
    kubernetes = [
        Target(name, f"k8s.io/kubernetes/cmd/{name}", versions.kubernetes)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ]
    return {
        target.name: target
        for target in (
            Target("etcd", "go.etcd.io/etcd/server/v3", versions.etcd),
            *kubernetes,
            Target("kwok", "sigs.k8s.io/kwok/cmd/kwok", versions.kwok, by_version=True),
        )
    }


def cache_root() -> Path:
    """Return the cache folder, outside of any checkout."""
    return cache_folder("bed", variable="COSMOS3_BED_CACHE")


def ensure(names: Sequence[str], say: Say) -> dict[str, Path]:
    """Return the binaries' paths, after compiling those that the cache lacks."""
    folder = cache_root() / key()
    paths = {name: folder / "bin" / name for name in names}
    if all(path.is_file() for path in paths.values()):
        return paths
    with locks.exclusive(folder / "lock", lambda: say("Another build is at work: waiting for it")):
        missing = [targets()[name] for name in names if not paths[name].is_file()]
        if missing:
            _compile(missing, folder, say)
    return paths


def key() -> str:
    """Name the cache folder after all that goes into the binaries."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((_TOOLS / name).read_bytes())
    for target in targets().values():
        digest.update(" ".join(_argv(target, Path("go"), Path("out"))).encode())
    digest.update(f"{platform.system()}/{platform.machine()}".encode())
    return f"{pinned().kubernetes}-{digest.hexdigest()[:12]}"


def _compile(missing: Sequence[Target], folder: Path, say: Say) -> None:
    _announce(missing, folder, say)
    go = toolchain.find(folder / "scratch", say)
    building = folder / "building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    (folder / "bin").mkdir(exist_ok=True)
    began = time.monotonic()
    for number, target in enumerate(missing, 1):
        label = f"[{number}/{len(missing)}] {target.name} {target.version}"
        seconds = _compile_one(target, go, building, label)
        os.replace(building / target.name, folder / "bin" / target.name)
        say(f"  ✓ {label} in {clock(seconds)}")
    shutil.rmtree(building, ignore_errors=True)
    go.discard_scratch()
    say(f"Compiled in {clock(time.monotonic() - began)}; the next start takes seconds.")


def _announce(missing: Sequence[Target], folder: Path, say: Say) -> None:
    versions = pinned()
    share = len(missing) / len(targets())
    cores = len(os.sched_getaffinity(0))
    minutes = max(1, round(versions.core_minutes * share / cores))
    gigabytes = versions.build_mib / 1024
    say(
        f"Compiling {', '.join(target.name for target in missing)}: this once, then kept in\n"
        f"  {folder / 'bin'}\n"
        f"  about {minutes} min on {cores} cores (less with warm Go caches); "
        f"{versions.cache_mib * share:.0f} MiB to keep, {gigabytes:.1f} GiB for Go's caches"
    )
    free_mib = shutil.disk_usage(folder).free / 2**20
    if free_mib < versions.cache_mib + versions.build_mib:
        say(f"  ! only {free_mib / 1024:.1f} GiB are free there; COSMOS3_BED_CACHE moves it")


def _compile_one(target: Target, go: toolchain.Go, building: Path, label: str) -> float:
    """Run Go for one binary and show how it gets on. Returns the seconds it took."""
    recent: deque[str] = deque(maxlen=_TAIL_LINES)
    compiled = 0

    def text() -> str:
        if not compiled:
            return (
                f"{label}: {recent[-1][:70] if recent else 'collecting what is compiled already'}"
            )
        return f"{label}: {compiled} packages compiled, now at {recent[-1][:60]}"

    environment = {**go.environment, "GOBIN": str(building)}
    argv = _argv(target, go.command, building / target.name)
    with Ticker(text) as ticker, _running(argv, environment) as process:
        for line in process.stderr or ():
            recent.append(line.strip())
            compiled += not line.startswith(("go: ", "#", "\t"))
        code = process.wait()
        seconds = ticker.elapsed
    if code != 0:
        said = "\n".join(f"  | {line}" for line in recent)
        raise BedError(
            f"Go could not compile {target.package} {target.version} (exit status {code}):\n{said}"
            "\nRun the same command again to go on where it stopped; a network or disk that is "
            "gone shows above."
        )
    return seconds


@contextmanager
def _running(
    argv: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run Go for a block, and end it with the block however that ends."""
    process = subprocess.Popen(
        argv,
        cwd=_TOOLS,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # Go ends its compilers on this one
            process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _argv(target: Target, go: Path, output: Path) -> list[str]:
    common = ["-v", "-trimpath", "-ldflags", _linker_flags()]
    if target.by_version:
        return [str(go), "install", *common, f"{target.package}@v{target.version}"]
    return [str(go), "build", "-mod=readonly", *common, "-o", str(output), target.package]


def _linker_flags() -> str:
    """Strip symbols, and set the version: the server reports a placeholder otherwise."""
    major, minor = pinned().kubernetes_minor
    values = {"gitVersion": f"v{pinned().kubernetes}", "gitMajor": major, "gitMinor": minor}
    settings = [
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in values.items()
    ]
    return " ".join(["-s", "-w", *settings])
