"""From an object as the API server stores it to a typed resource.

In: a body (a mapping). Out: `Resource`, or `Invalid` with every error that could be found. Schema
errors come first; rules are judged once the schema holds, as the API server does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import ValidationError

from cosmos3_operator.api.base import Model
from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.api.generator import CosmosGeneratorSpec
from cosmos3_operator.api.reasoner import CosmosReasonerSpec
from cosmos3_operator.api.rules import Rule, fullmatch
from cosmos3_operator.api.words import in_words, shown

GROUP = "serving.cosmos3.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class Kind(StrEnum):
    """The kinds of this operator."""

    GENERATOR = "CosmosGenerator"
    REASONER = "CosmosReasoner"


Spec = CosmosGeneratorSpec | CosmosReasonerSpec


def plural(kind: Kind) -> str:
    """Return the plural that API paths use."""
    return kind.lower() + "s"


SPECS: Mapping[Kind, type[CosmosGeneratorSpec] | type[CosmosReasonerSpec]] = {
    Kind.GENERATOR: CosmosGeneratorSpec,
    Kind.REASONER: CosmosReasonerSpec,
}

NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
MAX_NAME = 40
"""Leaves room for the suffixes of child names within the 63 characters of a Service name."""

NAME_RULE = Rule(
    cel=f"size(self.metadata.name) <= {MAX_NAME} && self.metadata.name.matches('{NAME_PATTERN}')",
    message=f"'{{name}}' cannot name a Service: use at most {MAX_NAME} lower-case letters, digits "
    "and '-', beginning with a letter and not ending with '-'",
    values={"name": "self.metadata.name"},
    check=lambda name: (
        None if len(name) <= MAX_NAME and fullmatch(NAME_PATTERN, name) else {"name": name}
    ),
    path=".metadata.name",
)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One CosmosGenerator or CosmosReasoner."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    generation: int
    spec: Spec
    status: Mapping[str, Any] = field(default_factory=dict)
    """As last seen, raw."""


def parse(body: Mapping[str, Any]) -> Resource:
    """Return the typed resource.

    Raises Invalid with all errors, each with its field path.
    """
    kind = _kind(body)
    metadata = body.get("metadata") or {}
    errors = _name_errors(str(metadata.get("name") or ""))
    spec, spec_errors = _parse_spec(kind, body.get("spec"))
    errors += spec_errors
    if errors or spec is None:
        raise Invalid(tuple(sorted(errors)))
    return Resource(
        kind=kind,
        namespace=str(metadata.get("namespace") or "default"),
        name=metadata["name"],
        uid=str(metadata.get("uid") or ""),
        generation=int(metadata.get("generation") or 0),
        spec=spec,
        status=body.get("status") or {},
    )


def change_errors(old: Resource, new: Resource) -> tuple[FieldError, ...]:
    """Return what is wrong with changing `old` into `new`: fields that cannot change."""
    return tuple(_broken_transitions("spec", old.spec, new.spec))


def _kind(body: Mapping[str, Any]) -> Kind:
    if body.get("apiVersion") != API_VERSION:
        found = body.get("apiVersion")
        raise Invalid((FieldError("apiVersion", f"must be {API_VERSION}", shown(found)),))
    try:
        return Kind(str(body.get("kind")))
    except ValueError:
        kinds = " or ".join(Kind)
        found = shown(body.get("kind"))
        raise Invalid((FieldError("kind", f"must be {kinds}", found),)) from None


def _name_errors(name: str) -> list[FieldError]:
    message = NAME_RULE.violation(name)
    return [FieldError("metadata.name", message)] if message else []


def _parse_spec(kind: Kind, data: Any) -> tuple[Spec | None, list[FieldError]]:
    if data is None:
        return None, [FieldError("spec", "is missing: write at least model")]
    try:
        spec = SPECS[kind].model_validate(data)
    except ValidationError as error:
        return None, in_words(error)
    return spec, [error for _, error in broken_rules(spec)]


def broken_rules(spec: Model) -> Iterator[tuple[str, FieldError]]:
    """Yield the path of each value that breaks a rule, with what the rule says."""
    for where, model in _models("spec", spec):
        for rule in model.rules:
            if message := rule.violation(model):
                yield where, FieldError(where + rule.path, message)


def _models(path: str, value: Any) -> Iterator[tuple[str, Model]]:
    """Yield every model of a tree with its path, outermost first."""
    if isinstance(value, Model):
        yield path, value
        for name, alias in _aliases(type(value)):
            part = getattr(value, name)
            if isinstance(part, Model | tuple):
                yield from _models(f"{path}.{alias}", part)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _models(f"{path}[{index}]", item)


@cache
def _aliases(model: type[Model]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a model with their JSON names; asked for with every parse."""
    return tuple((name, info.alias or name) for name, info in model.model_fields.items())


def _broken_transitions(path: str, old: Any, new: Any) -> Iterator[FieldError]:
    if not isinstance(old, Model) or type(old) is not type(new):
        return
    for rule in new.transitions:
        if message := rule.violation(old, new):
            yield FieldError(path + rule.path, message)
    for name, alias in _aliases(type(new)):
        yield from _broken_transitions(f"{path}.{alias}", getattr(old, name), getattr(new, name))
