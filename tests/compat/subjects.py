"""What is tried, and on which versions.

In: the catalog and the recipes. Out: rows, one for each runtime and surface, each with the subjects
(an engine in a version) whose code judges its commands.
"""

from __future__ import annotations

from dataclasses import dataclass

from compat.errors import CompatError
from compat.recipes import ENVIRONMENTS, Engine, Recipe, recipes
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Runtime, Surface


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One engine in one version."""

    engine: Engine
    version: str
    recipe: Recipe

    @property
    def name(self) -> str:
        """E.g. vllm-omni-0.30.0, as `--only` takes it."""
        return f"{self.engine}-{self.version}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One runtime on one surface, and who judges its commands."""

    runtime: Runtime
    surface: Surface
    subjects: tuple[Subject, ...]
    """More than one where the runtime's own build has no package: the versions around it, which
    must agree."""

    @property
    def bracketed(self) -> bool:
        """Whether others judge in the runtime's place."""
        return len(self.subjects) > 1


def subjects() -> tuple[Subject, ...]:
    """Return all, those of one environment side by side."""
    return tuple(
        Subject(engine=engine, version=version, recipe=recipe)
        for recipe in recipes()
        for engine, version in recipe.versions.items()
    )


def rows() -> tuple[Row, ...]:
    """Return every surface of every catalogued runtime.

    Raises CompatError if there is no environment for one.
    """
    return tuple(
        _row(runtime, surface) for runtime in load().runtimes for surface in runtime.surfaces
    )


def _row(runtime: Runtime, surface: Surface) -> Row:
    known = {subject.name: subject for subject in subjects()}
    names = runtime.flags.get(surface, ())
    if not names or not known.keys() >= set(names):
        raise CompatError(
            f"{runtime.engine} {runtime.name} is judged as {surface} by {', '.join(names)!r} "
            f"(catalog/runtimes.yaml): an environment is needed for each, in {ENVIRONMENTS}"
        )
    return Row(runtime=runtime, surface=surface, subjects=tuple(known[name] for name in names))
