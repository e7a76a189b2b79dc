"""Read the catalog's YAML files into the types of `catalog.types`.

In: the package's own data files. Out: one frozen `Catalog`. Loading is strict: a key that is
missing, unknown or of the wrong type raises `CatalogError` naming file, entry and key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from functools import cache
from importlib.resources import files
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import yaml

from cosmos3_operator.catalog.images import identifies
from cosmos3_operator.catalog.types import (
    Checkpoint,
    Container,
    Family,
    Gpu,
    Guardrails,
    MemoryCase,
    OwnedArgument,
    OwnedEnvironment,
    Quantization,
    Runtime,
    Server,
    SpeedCase,
    Surface,
    TagRule,
    VaeTiling,
)

T = TypeVar("T")

_FILES = ("checkpoints", "runtimes", "gpus", "benchmarks", "owned")
_NATIVE_ENGINE = {Surface.GENERATOR: "vllm-omni", Surface.REASONER: "vllm"}
# libyaml's loader is ten times as fast; the pure one serves where it was not compiled in.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class CatalogError(Exception):
    """The catalog's own files are wrong, or were asked for something they do not hold."""


@dataclass(frozen=True, kw_only=True)
class _OwnedFlags:
    """One entry of owned.yaml: all spellings of what is said elsewhere."""

    flags: tuple[str, ...]
    surfaces: tuple[Surface, ...]
    use: str


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Everything that is known about checkpoints, runtimes and GPUs."""

    families: tuple[Family, ...]
    checkpoints: tuple[Checkpoint, ...]
    guardrails: Guardrails
    runtimes: tuple[Runtime, ...]
    tags: tuple[TagRule, ...]
    gpus: tuple[Gpu, ...]
    quantizations: tuple[Quantization, ...]
    memory: tuple[MemoryCase, ...]
    vae_tiling: VaeTiling
    speed: tuple[SpeedCase, ...]
    owned_environment: tuple[OwnedEnvironment, ...]
    arguments: Mapping[Surface, tuple[OwnedArgument, ...]]

    def checkpoint(self, model: str) -> Checkpoint | None:
        """Return the checkpoint of a repository id, None if it is not catalogued."""
        return _first(c for c in self.checkpoints if c.model == model)

    def family(self, name: str) -> Family:
        """Return a family by name."""
        found = _first(f for f in self.families if f.name == name)
        if found is None:
            raise CatalogError(f"no family is called {name!r}")
        return found

    def models(self, surface: Surface) -> tuple[str, ...]:
        """Return the repository ids that can be served on a surface."""
        return tuple(c.model for c in self.checkpoints if surface in c.surfaces)

    def models_of_family(self, name: str) -> tuple[str, ...]:
        """Return the repository ids of a family."""
        return tuple(c.model for c in self.checkpoints if c.family == name)

    def runtimes_for(self, surface: Surface) -> tuple[Runtime, ...]:
        """Return the runtimes of a surface, those of its native engine first."""
        found = [r for r in self.runtimes if surface in r.surfaces]
        return tuple(sorted(found, key=lambda r: r.engine != _NATIVE_ENGINE[surface]))

    def runtime(self, surface: Surface, name_or_version: str) -> Runtime | None:
        """Return the runtime that `spec.runtime.version` means, None if it is not catalogued."""
        known = self.runtimes_for(surface)
        return _first(r for r in known if r.name == name_or_version) or _first(
            r for r in known if r.version == name_or_version
        )

    def default_runtime(self, surface: Surface, checkpoint: Checkpoint | None = None) -> Runtime:
        """Return the runtime to use when the user names none."""
        return self.runtimes_to_choose_from(surface, checkpoint)[0]

    def runtimes_to_choose_from(
        self, surface: Surface, checkpoint: Checkpoint | None = None
    ) -> tuple[Runtime, ...]:
        """Return the runtimes for a user who names none: the default first, then the newest.

        The default is the catalog's or, if that cannot serve the checkpoint, the oldest that can.
        """
        usable = [
            r
            for r in self.runtimes_for(surface)
            if serves(r, surface, checkpoint) and offers_pipeline(r, surface, checkpoint)
        ]
        default = _first(r for r in usable if surface in r.default_for)
        others = [r for r in usable if _offers_itself(r) and r is not default]
        others.sort(key=lambda r: version_key(r.version))
        if default is None and not others:
            model = checkpoint.model if checkpoint else "other models"
            raise CatalogError(f"no runtime serves {model} as {surface}")
        first = default or others.pop(0)
        return (first, *reversed(others))

    def runtime_for_image(self, image: str) -> Runtime | None:
        """Return the runtime an image reference holds, also through a mirror; None if unknown."""
        return _first(r for r in self.runtimes if identifies(image, r))

    def memory_cases(
        self, family: str, surface: Surface | None = None, *, quantization: str | None = None
    ) -> tuple[MemoryCase, ...]:
        """Return the memory figures of a family; quantization "" means bf16, None any."""
        return tuple(
            case
            for case in self.memory
            if case.family == family
            and surface in (None, case.surface)
            and quantization in (None, case.quantization)
        )

    def speed_cases(
        self,
        family: str,
        *,
        gpu: str | None = None,
        gpus: int | None = None,
        goal: str | None = None,
    ) -> tuple[SpeedCase, ...]:
        """Return the times of a family, narrowed to a GPU product, a number of GPUs or a goal."""
        return tuple(
            case
            for case in self.speed
            if case.family == family
            and gpu in (None, case.gpu)
            and gpus in (None, case.gpus)
            and goal in (None, case.goal)
        )

    def gpu(self, product: str) -> Gpu | None:
        """Return a GPU by its label; time-sliced GPUs carry the suffix -SHARED."""
        name = product.removesuffix("-SHARED")
        return _first(g for g in self.gpus if g.product == name)

    def quantization(self, name: str) -> Quantization | None:
        """Return a number format by the name in spec.quantization, None for bf16."""
        return _first(q for q in self.quantizations if q.name == name)

    def owned_arguments(self, surface: Surface) -> tuple[OwnedArgument, ...]:
        """Return the server arguments that the operator sets itself, one item per spelling."""
        return self.arguments[surface]


def version_key(version: str) -> tuple[int, ...]:
    """Return a dotted version as numbers that compare."""
    return tuple(int(part) for part in version.split("."))


def serves(runtime: Runtime, surface: Surface, checkpoint: Checkpoint | None) -> bool:
    """Whether a runtime knows a checkpoint's architecture on a surface."""
    if surface not in runtime.surfaces:
        return False
    if checkpoint is None:
        return True
    facts = checkpoint.surfaces.get(surface)
    if facts is None:
        return False
    if not facts.min_runtime or checkpoint.family in runtime.also_families:
        return True
    return version_key(runtime.version) >= version_key(facts.min_runtime)


def offers_pipeline(runtime: Runtime, surface: Surface, checkpoint: Checkpoint | None) -> bool:
    """Whether a runtime has the deploy pipeline that a checkpoint is for, if it is for one."""
    pipeline = checkpoint.pipeline if checkpoint and surface is Surface.GENERATOR else ""
    return not pipeline or pipeline in runtime.pipelines


@cache
def load() -> Catalog:
    """Return the catalog, read once."""
    folder = files("cosmos3_operator.catalog")
    return parse({f"{n}.yaml": folder.joinpath(f"{n}.yaml").read_text("utf-8") for n in _FILES})


def parse(texts: Mapping[str, str]) -> Catalog:
    """Build a catalog from the text of its files, by file name."""
    checkpoints = _File("checkpoints.yaml", texts, ("families", "checkpoints", "guardrails"))
    runtimes = _File("runtimes.yaml", texts, ("containers", "servers", "runtimes", "tags"))
    # Runtimes refer to these by YAML aliases; read here, they are judged where they stand.
    runtimes.mapping("containers", Container)
    runtimes.mapping("servers", Server)
    benchmarks = _File("benchmarks.yaml", texts, ("memory", "vae_tiling", "speed"))
    gpus = _File("gpus.yaml", texts, ("gpus", "quantizations"))
    owned = _File("owned.yaml", texts, ("arguments", "environment"))
    catalog = Catalog(
        families=checkpoints.entries("families", Family, ("name",)),
        checkpoints=checkpoints.entries("checkpoints", Checkpoint, ("model",)),
        guardrails=checkpoints.entry("guardrails", Guardrails),
        runtimes=runtimes.entries("runtimes", Runtime, ("engine", "name")),
        tags=runtimes.entries("tags", TagRule),
        gpus=gpus.entries("gpus", Gpu, ("product",)),
        quantizations=gpus.entries("quantizations", Quantization, ("name",)),
        memory=benchmarks.entries("memory", MemoryCase),
        vae_tiling=benchmarks.entry("vae_tiling", VaeTiling),
        speed=benchmarks.entries("speed", SpeedCase),
        owned_environment=owned.entries("environment", OwnedEnvironment, ("name",)),
        arguments=_spellings(owned.entries("arguments", _OwnedFlags)),
    )
    used = (catalog.checkpoints, catalog.memory, catalog.speed)
    for name in {item.family for items in used for item in items}:
        catalog.family(name)
    return catalog


def read_entry(text: str, kind: type[T], where: str) -> T:
    """Build one entry from a file that holds nothing else."""
    return _build(kind, _yaml(text, where), where)


def _yaml(text: str, where: str) -> Any:
    try:
        # Both candidates are safe loaders.
        return yaml.load(text, Loader=_LOADER)  # noqa: S506
    except yaml.YAMLError as error:
        raise CatalogError(f"{where}: {error}") from error


class _File:
    """One YAML file: a mapping of the given sections."""

    def __init__(self, name: str, texts: Mapping[str, str], sections: tuple[str, ...]) -> None:
        self._name = name
        self._data = _yaml(texts[name], name)
        _check_keys(self._data, set(sections), set(sections), name)

    def entry(self, section: str, kind: type[T]) -> T:
        return _build(kind, self._data[section], f"{self._name}: {section}")

    def mapping(self, section: str, kind: type[T]) -> dict[str, T]:
        """Build a section's values, by their names."""
        where = f"{self._name}: {section}"
        named = _typed(self._data[section], dict, where).items()
        return {name: _build(kind, raw, f"{where}.{name}") for name, raw in named}

    def entries(self, section: str, kind: type[T], key: tuple[str, ...] = ()) -> tuple[T, ...]:
        """Build a section's list; the fields of `key` together name each entry once."""
        where = f"{self._name}: {section}"
        found: dict[object, T] = {}
        for index, raw in enumerate(_typed(self._data[section], list, where)):
            label = _label(raw, key) or str(index)
            if label in found:
                raise CatalogError(f"{where}[{label}]: appears twice")
            found[label] = _build(kind, raw, f"{where}[{label}]")
        return tuple(found.values())


def _label(raw: object, key: tuple[str, ...]) -> str:
    if not isinstance(raw, dict):
        return ""
    return " ".join(str(raw[name]) for name in key if name in raw)


def _build(kind: type[T], raw: object, where: str) -> T:
    hints, needed = _shape(cast(Any, kind))
    values = _check_keys(raw, needed, set(hints), where)
    return kind(**{name: _value(hints[name], v, f"{where}.{name}") for name, v in values.items()})


@cache
def _shape(kind: Any) -> tuple[dict[str, Any], set[str]]:
    """Return the types of a dataclass's fields, and which of them have no default."""
    needed = {f.name for f in fields(kind) if f.default is f.default_factory is MISSING}
    return get_type_hints(kind), needed


def _check_keys(raw: object, needed: set[str], known: set[str], where: str) -> dict[str, Any]:
    values: dict[str, Any] = _typed(raw, dict, where)
    for problem, keys in (("unknown", values.keys() - known), ("missing", needed - values.keys())):
        if keys:
            raise CatalogError(f"{where}: {problem} key {', '.join(sorted(map(str, keys)))}")
    return values


def _value(hint: Any, raw: Any, where: str) -> Any:
    if get_origin(hint) is UnionType:
        # "… or None": a key that is there has a value.
        hint = get_args(hint)[0]
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return tuple(_value(args[0], v, where) for v in _typed(raw, list, where))
    if origin is Mapping:
        pairs = _typed(raw, dict, where).items()
        return {_value(args[0], k, where): _value(args[1], v, f"{where}.{k}") for k, v in pairs}
    if issubclass(hint, Enum):
        return _member(hint, raw, where)
    if hint is float and type(raw) is int:
        return float(raw)
    if hint in (str, int, float, bool):
        return _typed(raw, hint, where)
    return _build(hint, raw, where)


def _member(kind: type[Enum], raw: object, where: str) -> Enum:
    try:
        return kind(raw)
    except ValueError:
        names = ", ".join(str(member.value) for member in kind)
        raise CatalogError(f"{where}: {raw!r} is none of {names}") from None


def _typed(raw: object, kind: type[T], where: str) -> T:
    # The exact type: bool is a subclass of int.
    if type(raw) is not kind:
        raise CatalogError(f"{where}: expected {kind.__name__}, found {type(raw).__name__}")
    return raw


def _spellings(entries: Iterable[_OwnedFlags]) -> dict[Surface, tuple[OwnedArgument, ...]]:
    found: dict[Surface, tuple[OwnedArgument, ...]] = dict.fromkeys(Surface, ())
    for entry in entries:
        spelled = tuple(OwnedArgument(flag=flag, use=entry.use) for flag in entry.flags)
        for surface in entry.surfaces:
            found[surface] += spelled
    return found


def _offers_itself(runtime: Runtime) -> bool:
    return not runtime.needs_own_image and runtime.bug("guardrails=Enabled") is None


def _first(items: Iterator[T]) -> T | None:
    return next(items, None)
