"""Catalogs as another release may have them: another default, another digest, fewer runtimes.

In: a catalog and which runtime is meant, as `ENGINE/NAME`. Out: a catalog. Nothing of the product
is changed or replaced: the planner takes its catalog as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import KnownBug, Runtime, Surface


def with_default(catalog: Catalog, surface: Surface, runtime: str) -> Catalog:
    """Return a catalog in which users who name nothing get another runtime."""

    def moved(one: Runtime) -> Runtime:
        others = tuple(s for s in one.default_for if s is not surface)
        return replace(one, default_for=(*others, surface) if label(one) == runtime else others)

    return _each(catalog, moved)


def with_digest(catalog: Catalog, runtime: str, digest: str) -> Catalog:
    """Return a catalog that names another image of the same version."""
    return _changed(catalog, runtime, lambda one: replace(one, digest=digest))


def with_version(catalog: Catalog, runtime: str, version: str) -> Catalog:
    """Return a catalog in which a name has moved on to another version."""
    return _changed(catalog, runtime, lambda one: replace(one, version=version))


def with_bug(catalog: Catalog, runtime: str, *, setting: str = "", flag: str = "") -> Catalog:
    """Return a catalog that has come to know that a setting, or any value but 1, does not work."""
    bug = KnownBug(
        when="asked",
        what="it stops",
        avoided="no",
        source="a test",
        setting=setting,
        flag=flag,
        sound_values=("1",),
    )
    return _changed(catalog, runtime, lambda one: replace(one, known_bugs=(bug, *one.known_bugs)))


def without(catalog: Catalog, runtime: str) -> Catalog:
    """Return a catalog that does not know a runtime."""
    return replace(catalog, runtimes=tuple(r for r in catalog.runtimes if label(r) != runtime))


def label(runtime: Runtime) -> str:
    """Return what names a runtime here."""
    return f"{runtime.engine}/{runtime.name}"


def _changed(catalog: Catalog, runtime: str, change: Callable[[Runtime], Runtime]) -> Catalog:
    assert runtime in map(label, catalog.runtimes), f"no runtime is called {runtime}"
    return _each(catalog, lambda one: change(one) if label(one) == runtime else one)


def _each(catalog: Catalog, change: Callable[[Runtime], Runtime]) -> Catalog:
    return replace(catalog, runtimes=tuple(map(change, catalog.runtimes)))
