"""What environments there are: read from environments.yaml, the only place that states them.

In: the YAML file. Out: one frozen recipe for each environment, found by name or by the engine and
version that somebody needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from compat.errors import CompatError

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / "environments.yaml"

Engine = Literal["vllm", "vllm-omni"]
"""`vllm` is plain `vllm serve`, `vllm-omni` is `vllm serve --omni`."""
ENGINES: tuple[Engine, ...] = get_args(Engine)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is installed into one environment, and what it is good for."""

    name: str
    """Of its richest engine, e.g. vllm-omni-0.30.0, which also holds plain vLLM 0.30.0."""
    versions: Mapping[Engine, str]
    packages: tuple[str, ...]
    overrides: tuple[str, ...]
    """Requirements that win over what the packages ask for."""


@cache
def recipes() -> tuple[Recipe, ...]:
    """Read environments.yaml."""
    raw = yaml.safe_load(ENVIRONMENTS.read_text("utf-8"))
    return tuple(_recipe(entry, raw["torch"]) for entry in raw["environments"])


def recipe(name: str) -> Recipe:
    """Return the recipe of an environment."""
    found = {recipe.name: recipe for recipe in recipes()}
    if name not in found:
        raise CompatError(f"no environment is called {name}: there are {', '.join(found)}")
    return found[name]


def recipe_for(engine: Engine, version: str) -> Recipe:
    """Return the recipe of the environment that holds a version of an engine."""
    for candidate in recipes():
        if candidate.versions.get(engine) == version:
            return candidate
    raise CompatError(f"no environment in {ENVIRONMENTS} holds {engine} {version}")


def _recipe(entry: Mapping[str, Any], torch: Mapping[str, list[str]]) -> Recipe:
    versions: dict[Engine, str] = {e: str(entry[e]) for e in ENGINES if e in entry}
    richest = list(versions)[-1]
    return Recipe(
        name=f"{richest}-{versions[richest]}",
        versions=versions,
        packages=tuple(entry["packages"]),
        overrides=(*torch[entry["torch"]], *map(_never, entry.get("without", ()))),
    )


def _never(package: str) -> str:
    """Return the override that keeps a package out: a condition that nothing meets."""
    return f"{package}; python_version < '3'"
