"""Fields that a resource has and its schema does not: what strict tools refuse.

In: a body (a mapping). Out: one error for each unknown field. The API server drops unknown fields
by default; `kubectl` asks it to refuse them instead, and so does `validate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from cosmos3_operator.api.crds import schema
from cosmos3_operator.api.errors import FieldError
from cosmos3_operator.api.resource import Kind

_METADATA = frozenset(
    {
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)


def unknown_fields(body: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return an error for each field that the schema of the body's kind does not know."""
    try:
        root = _root(Kind(str(body.get("kind"))))
    except ValueError:
        return ()
    return tuple(sorted(_unknown("", body, root)))


@cache
def _root(kind: Kind) -> dict[str, Any]:
    root = schema(kind)
    # Every object has this part; the CRD's schema only says what is special about it.
    metadata = {"properties": {name: {"additionalProperties": _ANY} for name in _METADATA}}
    return root | {"properties": root["properties"] | {"metadata": metadata}}


_ANY: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


def _unknown(path: str, value: Any, node: Mapping[str, Any]) -> Iterator[FieldError]:
    """Walk as the API server prunes: by the value's type, whatever the schema's type."""
    if "x-kubernetes-preserve-unknown-fields" in node:
        return
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _of_field(f"{path}.{name}" if path else str(name), name, part, node)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _unknown(f"{path}[{index}]", part, node.get("items", {}))


def _of_field(path: str, name: str, value: Any, node: Mapping[str, Any]) -> Iterator[FieldError]:
    known = node.get("properties", {})
    if name in known:
        yield from _unknown(path, value, known[name])
    elif "additionalProperties" in node:
        yield from _unknown(path, value, node["additionalProperties"])
    else:
        near = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]}?" if near else "check its spelling and indentation"
        yield FieldError(path, f"is an unknown field: {hint}")
