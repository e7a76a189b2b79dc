"""The environments that hold the model servers, in a cache that all checkouts share.

In: a recipe's name. Out: a Python interpreter that can import that version of vLLM. uv installs it
and hard-links what it can to its own cache, so most of the 6 to 7 GB of an environment exist once
for all that share a torch.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from bed.caches import cache_folder
from bed.progress import Ticker, clock, to_stderr
from compat.errors import CompatError
from compat.recipes import Recipe, recipe
from compat.store import Environment, Store

_NEEDED_GIB = 9
"""Of disk for one environment with nothing cached: 7 GB and room for what is being unpacked."""
_TAIL_LINES = 25


def cache_root() -> Path:
    """Return the folder of all environments, outside of any checkout."""
    return cache_folder("compat", variable="COSMOS3_COMPAT_CACHE")


def ensure(name: str) -> Environment:
    """Return an environment, after building it if it is not there. Takes seconds to minutes.

    Raises CompatError if it cannot be built.
    """
    return _store().ensure(recipe(name))


def borrow(name: str, *, keep: bool = True) -> AbstractContextManager[Environment]:
    """Return a block's environment, which nobody rebuilds or removes meanwhile.

    With `keep` false it is removed after the block.
    """
    return _store().borrow(recipe(name), keep=keep)


def discard() -> None:
    """Delete what environments that were not to be kept left for the next one to share."""
    _store().discard()


def _store() -> Store:
    return Store(root=cache_root(), install=_install, say=to_stderr)


def _install(wanted: Recipe, folder: Path, cache: Path | None) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _warn(folder.parent, cache)
    overrides = folder.with_name(f"{wanted.name}.overrides")
    overrides.write_text("\n".join(wanted.overrides) + "\n", "utf-8")
    with Ticker(lambda: f"{wanted.name}: installing {', '.join(wanted.packages)}") as ticker:
        _uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(folder), cache=cache)
        _uv(
            *("pip", "install", "--quiet", "--python", str(folder / "bin" / "python")),
            *("--override", str(overrides)),
            *wanted.packages,
            cache=cache,
        )
    to_stderr(f"{wanted.name}: installed in {clock(ticker.elapsed)} ({folder})")


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


def _warn(folder: Path, cache: Path | None) -> None:
    """Say what will make this slow or fail, before it does."""
    free = shutil.disk_usage(folder).free / 2**30
    if free < _NEEDED_GIB:
        to_stderr(
            f"! only {free:.1f} GiB are free in {folder}, and an environment may need "
            f"{_NEEDED_GIB}: COSMOS3_COMPAT_CACHE moves it, KEEP=no removes each after use"
        )
    links = os.environ.get("UV_CACHE_DIR") if cache is None else None
    if links and _device(Path(links)) != _device(folder):
        to_stderr(
            f"! uv's cache {links} is on another file system than {folder}: every environment is "
            "a full copy. Set UV_CACHE_DIR or COSMOS3_COMPAT_CACHE so that both are on one"
        )


def _device(path: Path) -> int:
    """Return the file system of a path, or of its nearest parent that exists."""
    while not path.exists():
        path = path.parent
    return path.stat().st_dev
