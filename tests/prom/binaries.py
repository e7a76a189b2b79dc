"""Finds promtool and Prometheus, or brings them, into a cache that all checkouts share.

In: the environment. Out: paths of programs. Tried in this order: a variable that names the
program, PATH, Debian's package (fetched and unpacked, not installed; it needs no rights), and the
Go module in tools/, compiled by the Go that the test bed finds. A program appears in the cache
whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bed import locks, toolchain
from bed.caches import cache_folder
from bed.errors import BedError
from bed.progress import Say, to_stderr
from prom.errors import PromError

HERE = Path(__file__).resolve().parent
TOOLS = HERE / "tools"
NAMES = ("promtool", "prometheus")
_PACKAGE = "prometheus"
_FETCH_S = 300.0


def promtool(say: Say = to_stderr) -> Path:
    """Return a promtool."""
    return find("promtool", say)


def prometheus(say: Say = to_stderr) -> Path:
    """Return a Prometheus."""
    return find("prometheus", say)


def find(name: str, say: Say) -> Path:
    """Return one program, after bringing it if this machine has none."""
    named = os.environ.get(name.upper())
    if named:
        return _given(name, Path(named).expanduser())
    on_path = shutil.which(name)
    return Path(on_path) if on_path else _cached(name, say)


def cache_root() -> Path:
    """Return the cache folder, outside of any checkout."""
    return cache_folder("prom", variable="COSMOS3_PROM_CACHE")


def _given(name: str, path: Path) -> Path:
    if not os.access(path, os.X_OK):
        raise PromError(f"{name.upper()} is {path}, which is no program; correct or unset it")
    return path


def _cached(name: str, say: Say) -> Path:
    folder = cache_root() / _key()
    path = folder / name
    if path.is_file():
        return path
    with locks.exclusive(cache_root() / "lock", lambda: say("Waiting for another who brings it")):
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            _bring(name, folder, say)
    return path


def _key() -> str:
    digest = hashlib.sha256(b"".join((TOOLS / f).read_bytes() for f in ("go.mod", "go.sum")))
    return f"{platform.machine()}-{digest.hexdigest()[:12]}"


def _bring(name: str, folder: Path, say: Say) -> None:
    reasons: list[str] = []
    for way in (from_debian, from_go):
        try:
            way(name, folder, say)
        except (PromError, BedError) as error:
            reasons.append(f"{way.__name__.replace('_', ' ')}: {error}")
        else:
            return
    raise PromError(
        f"there is no {name} on this machine, and none could be brought.\n"
        + "\n".join(reasons)
        + f"\nInstall it (Debian: apt-get install {_PACKAGE}), or name one in ${name.upper()}."
    )


def from_debian(name: str, folder: Path, say: Say) -> None:
    """Fetch and unpack Debian's package; both programs are in it."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PromError(f"no {tool} here")
    scratch = folder / "debian"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    say(f"Fetching Debian's package {_PACKAGE} for {name}: this once, 20 MB to fetch, 100 to keep")
    _download(scratch)
    package = next(iter(scratch.glob("*.deb")))
    _run(["dpkg-deb", "-x", str(package), str(scratch / "unpacked")], folder=scratch)
    for program in NAMES:
        _keep(scratch / "unpacked" / "usr" / "bin" / program, folder)
    shutil.rmtree(scratch)


def _download(scratch: Path) -> None:
    """Ask the lists that this machine has, and fetch lists of our own if they know nothing."""
    command = ["apt-get", "--quiet", *_options(scratch), "download", _PACKAGE]
    try:
        _run(command, folder=scratch)
    except PromError:
        lists = scratch / "lists"
        (lists / "partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::Lists={lists}"]
        _run(["apt-get", "--quiet", *_options(scratch), *own, "update"], folder=scratch)
        _run([*command[:2], *own, *command[2:]], folder=scratch)


def _options(scratch: Path) -> list[str]:
    """Return what lets apt-get work for anybody, and leave the machine's own state alone."""
    cache = scratch / "apt"
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::Cache": cache,
        "Debug::NoLocking": 1,
        # Who cannot become the sandbox's user downloads as who they are.
        "APT::Sandbox::User": "",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def from_go(name: str, folder: Path, say: Say) -> None:
    """Compile it from the Go module in tools/."""
    go = toolchain.find(folder / "scratch", say)
    say(f"Compiling {name}: this once, some minutes, 2 GiB for Go's caches")
    building = folder / "building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    package = f"github.com/prometheus/prometheus/cmd/{name}"
    flags = f"{go.environment['GOFLAGS']} -mod=readonly"
    _run(
        [str(go.command), "build", "-o", str(building / name), package],
        folder=TOOLS,
        environment=go.environment | {"GOFLAGS": flags},
        timeout_s=3600,
    )
    _keep(building / name, folder)
    shutil.rmtree(building)
    go.discard_scratch()


def _keep(program: Path, folder: Path) -> None:
    if not program.is_file():
        raise PromError(f"{program.name} is not where it was expected ({program})")
    os.replace(program, folder / program.name)


def _run(
    argv: Sequence[str],
    *,
    folder: Path,
    environment: dict[str, str] | None = None,
    timeout_s: float = _FETCH_S,
) -> None:
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise PromError(f"{argv[0]} did not end within {timeout_s:.0f} s") from error
    if done.returncode != 0:
        tail = (done.stderr or done.stdout).strip().splitlines()[-8:]
        raise PromError(f"{' '.join(argv[:2])} failed: " + " / ".join(tail))
