"""Builds the environments that hold the model servers, once, in a cache that all checkouts share.

In: a recipe's name. Out: a Python interpreter that can import that version of vLLM. An environment
counts as built when its marker, written last, names the recipe that it was built from: one that was
interrupted, or whose recipe changed, is built anew. uv hard-links what it installs to its own
cache, so most of the 6 to 7 GB of an environment exist once for all that share a torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bed import locks
from bed.progress import Say, Ticker, clock, to_stderr
from compat.errors import CompatError
from compat.recipes import Recipe, recipe

_NEEDED_GIB = 9
"""Of disk for one environment with nothing cached: 7 GB and room for what is being unpacked."""
_MARKER = "compat-recipe"
_DISPOSABLE = "uv-cache"
_TAIL_LINES = 25


@dataclass(frozen=True)
class Environment:
    """An environment that is there, whole."""

    python: Path
    folder: Path


def cache_root() -> Path:
    """Return the folder of all environments, outside of any checkout."""
    override = os.environ.get("COSMOS3_COMPAT_CACHE")
    if override:
        return Path(override).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "cosmos3-operator" / "compat"


def ensure(name: str, say: Say = to_stderr, *, keep: bool = True) -> Environment:
    """Return an environment, after building it if it is not there. Takes seconds to minutes.

    With `keep` false it is built with a cache of its own (see `discard`), since what uv's own cache
    holds would stay on the disk. Raises CompatError if it cannot be built.
    """
    wanted = recipe(name)
    folder = cache_root() / name
    if not _is_built(folder, wanted):
        with locks.exclusive(_lock(name), lambda: say(f"{name}: in use elsewhere, waiting")):
            # Somebody else may have built it meanwhile.
            if not _is_built(folder, wanted):
                _build(folder, wanted, say, cache=None if keep else _disposable_cache(wanted))
    return _environment(folder)


@contextmanager
def borrow(name: str, say: Say = to_stderr, *, keep: bool = True) -> Iterator[Environment]:
    """Yield an environment that nobody rebuilds or removes during the block."""
    while True:
        ensure(name, say, keep=keep)
        with locks.shared(_lock(name)):
            if _is_built(cache_root() / name, recipe(name)):
                yield _environment(cache_root() / name)
                break
    if not keep:
        remove(name, say)


def remove(name: str, say: Say = to_stderr) -> None:
    """Delete an environment once nobody uses it."""
    with locks.exclusive(_lock(name), lambda: say(f"{name}: in use elsewhere, waiting")):
        _delete(cache_root() / name)


def discard() -> None:
    """Delete what environments that were not to be kept left for the next one to share."""
    for folder in cache_root().glob(f"{_DISPOSABLE}-*"):
        shutil.rmtree(folder)


def _disposable_cache(wanted: Recipe) -> Path:
    """Return the cache for all that have the same torch; those of other ones go."""
    line = hashlib.sha256("\n".join(wanted.overrides).encode()).hexdigest()[:8]
    cache = cache_root() / f"{_DISPOSABLE}-{line}"
    for other in cache_root().glob(f"{_DISPOSABLE}-*"):
        if other != cache:
            shutil.rmtree(other)
    return cache


def _environment(folder: Path) -> Environment:
    return Environment(python=folder / "bin" / "python", folder=folder)


def _lock(name: str) -> Path:
    return cache_root() / f"{name}.lock"


def _is_built(folder: Path, wanted: Recipe) -> bool:
    marker = folder / _MARKER
    return marker.is_file() and marker.read_text("utf-8") == _key(wanted)


def _key(wanted: Recipe) -> str:
    """Return a hash of all that decides what an environment holds."""
    parts = [wanted.packages, wanted.overrides, platform.python_version()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _build(folder: Path, wanted: Recipe, say: Say, *, cache: Path | None) -> None:
    _delete(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _warn(folder.parent, cache, say)
    overrides = folder.parent / f"{wanted.name}.overrides"
    overrides.write_text("\n".join(wanted.overrides) + "\n", "utf-8")
    with Ticker(lambda: f"{wanted.name}: installing {', '.join(wanted.packages)}") as ticker:
        _uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(folder), cache=cache)
        _uv(
            *("pip", "install", "--quiet", "--python", str(folder / "bin" / "python")),
            *("--override", str(overrides)),
            *wanted.packages,
            cache=cache,
        )
    (folder / _MARKER).write_text(_key(wanted), "utf-8")
    say(f"{wanted.name}: installed in {clock(ticker.elapsed)} ({folder})")


def _delete(folder: Path) -> None:
    """Remove a folder, its marker first: what is half removed must not look whole."""
    (folder / _MARKER).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def _uv(*arguments: str, cache: Path | None) -> None:
    """Run the project's own uv; its output is shown if it fails."""
    # Whatever environment the caller works in is not the one that is meant here.
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    if cache is not None:
        environment["UV_CACHE_DIR"] = str(cache)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("uv")), *arguments],
        env={**environment, "UV_PYTHON_DOWNLOADS": "never"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join(f"  | {line}" for line in done.stdout.splitlines()[-_TAIL_LINES:])
        raise CompatError(
            f"uv {arguments[0]} failed (exit status {done.returncode}):\n{said}\n"
            "Run the same command again: what was downloaded is kept."
        )


def _warn(folder: Path, cache: Path | None, say: Say) -> None:
    """Say what will make this slow or fail, before it does."""
    free = shutil.disk_usage(folder).free / 2**30
    if free < _NEEDED_GIB:
        say(
            f"! only {free:.1f} GiB are free in {folder}, and an environment may need "
            f"{_NEEDED_GIB}: COSMOS3_COMPAT_CACHE moves it, KEEP=no removes each after use"
        )
    links = os.environ.get("UV_CACHE_DIR") if cache is None else None
    if links and _device(Path(links)) != _device(folder):
        say(
            f"! uv's cache {links} is on another file system than {folder}: every environment is "
            "a full copy. Set UV_CACHE_DIR or COSMOS3_COMPAT_CACHE so that both are on one"
        )


def _device(path: Path) -> int:
    """Return the file system of a path, or of its nearest parent that exists."""
    while not path.exists():
        path = path.parent
    return path.stat().st_dev
