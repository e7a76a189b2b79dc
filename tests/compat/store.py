"""Keeps environments in a folder: built whole or not at all, and not under anybody's feet.

In: recipes, and a function that installs one. Out: environments. One counts as built when its
marker, written last, names the recipe that it was built from: one that was interrupted, or whose
recipe changed, is built anew. Locks let several checkouts share the folder.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bed import locks
from bed.progress import Say
from compat.recipes import Recipe

_MARKER = "compat-recipe"
_DISPOSABLE = "uv-cache"

Install = Callable[[Recipe, Path, Path | None], None]
"""Installs a recipe into a folder, with a package cache other than the user's if one is given."""


@dataclass(frozen=True)
class Environment:
    """An environment that is there, whole."""

    python: Path
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Store:
    """A folder of environments."""

    root: Path
    install: Install
    say: Say

    def ensure(self, wanted: Recipe, *, keep: bool = True) -> Environment:
        """Return an environment, after building it if it is not there.

        With `keep` false it is built with a cache of its own (see `discard`), since what the user's
        cache holds would stay on the disk.
        """
        if not self._has(wanted):
            with locks.exclusive(self._lock(wanted), lambda: self._waits(wanted)):
                # Somebody else may have built it meanwhile.
                if not self._has(wanted):
                    self._build(wanted, None if keep else self._disposable_cache(wanted))
        return self._environment(wanted)

    @contextmanager
    def borrow(self, wanted: Recipe, *, keep: bool = True) -> Iterator[Environment]:
        """Yield an environment that nobody rebuilds or removes during the block.

        With `keep` false it is removed after the block, however that ends.
        """
        try:
            with self._held(wanted, keep=keep):
                yield self._environment(wanted)
        finally:
            if not keep:
                self.remove(wanted)

    def remove(self, wanted: Recipe) -> None:
        """Delete an environment once nobody uses it."""
        with locks.exclusive(self._lock(wanted), lambda: self._waits(wanted)):
            _delete(self._folder(wanted))

    def discard(self) -> None:
        """Delete what environments that were not to be kept left for the next one to share."""
        for folder in self.root.glob(f"{_DISPOSABLE}-*"):
            shutil.rmtree(folder)

    @contextmanager
    def _held(self, wanted: Recipe, *, keep: bool) -> Iterator[None]:
        while True:
            self.ensure(wanted, keep=keep)
            with locks.shared(self._lock(wanted)):
                # Between the two it may have been removed.
                if self._has(wanted):
                    yield
                    return

    def _build(self, wanted: Recipe, cache: Path | None) -> None:
        folder = self._folder(wanted)
        _delete(folder)
        self.install(wanted, folder, cache)
        (folder / _MARKER).write_text(_key(wanted), "utf-8")

    def _has(self, wanted: Recipe) -> bool:
        marker = self._folder(wanted) / _MARKER
        return marker.is_file() and marker.read_text("utf-8") == _key(wanted)

    def _disposable_cache(self, wanted: Recipe) -> Path:
        """Return the cache for all that have the same torch; those of other ones go."""
        torch = hashlib.sha256("\n".join(wanted.overrides).encode()).hexdigest()[:8]
        cache = self.root / f"{_DISPOSABLE}-{torch}"
        if not cache.exists():
            self.discard()
        return cache

    def _environment(self, wanted: Recipe) -> Environment:
        folder = self._folder(wanted)
        return Environment(python=folder / "bin" / "python", folder=folder)

    def _folder(self, wanted: Recipe) -> Path:
        return self.root / wanted.name

    def _lock(self, wanted: Recipe) -> Path:
        return self.root / f"{wanted.name}.lock"

    def _waits(self, wanted: Recipe) -> None:
        self.say(f"{wanted.name}: in use elsewhere, waiting")


def _key(wanted: Recipe) -> str:
    """Return a hash of all that decides what an environment holds."""
    parts = [wanted.packages, wanted.overrides, platform.python_version()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _delete(folder: Path) -> None:
    """Remove a folder, its marker first: what is half removed must not look whole."""
    (folder / _MARKER).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
