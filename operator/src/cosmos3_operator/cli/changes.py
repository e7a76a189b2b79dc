"""What differs between objects as they are and as they would be, as text.

In: two objects; what would happen to each resource. Out: lines. Pure. The status, and what the API
server counts for itself, is no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

_COUNTED = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
_LONGEST = 60
_ABSENT = "(none)"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What would happen to one resource."""

    resource: str
    restarts: bool = False
    lines: tuple[str, ...] = ()


def table(rows: Iterable[Row]) -> list[str]:
    """Return the rows as text: what restarts first, then what changes, then the rest."""
    ordered = sorted(rows, key=lambda row: (not row.restarts, not row.lines, row.resource))
    if not ordered:
        return ["No resource of this operator is there."]
    restarting = sum(row.restarts for row in ordered)
    lines = [line for row in ordered for line in _lines(row)]
    return [*lines, "", f"Pods of {restarting} of {len(ordered)} resources would restart."]


def _lines(row: Row) -> list[str]:
    verdict = "pods RESTART" if row.restarts else "pods stay"
    rest = "" if row.lines else ", nothing changes"
    return [f"{row.resource}: {verdict}{rest}", *(f"    {line}" for line in row.lines)]


def changes(live: Object, wanted: Object) -> list[str]:
    """Return one line for each field that differs: its path, what it is and what it would be."""
    return list(_differences("", _stated(live), _stated(wanted)))


def restarts_pods(live: Object, wanted: Object) -> bool:
    """Whether a Deployment would replace its pods: its template differs, and it has some."""
    old, new = live.get("spec") or {}, wanted.get("spec") or {}
    return bool(old.get("replicas", 1)) and old.get("template") != new.get("template")


def _stated(body: Object) -> dict[str, Any]:
    metadata = {k: v for k, v in (body.get("metadata") or {}).items() if k not in _COUNTED}
    rest = {k: v for k, v in body.items() if k not in ("apiVersion", "kind", "metadata", "status")}
    return {"metadata": metadata, **rest}


def _differences(path: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _differences(_field(path, name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and _are_named(old) and _are_named(new):
        yield from _differences(path, _by_name(old), _by_name(new))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{path}[{number}]", one, other)
    elif old != new:
        yield f"{path}: {_short(old)} → {_short(new)}"


def _field(path: str, name: str) -> str:
    part = f"[{name}]" if "." in name or "/" in name else name
    return f"{path}.{part}" if path and not part.startswith("[") else f"{path}{part}"


def _are_named(items: list[Any]) -> bool:
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    return bool(names) and None not in names and len(set(names)) == len(names)


def _by_name(items: list[Any]) -> dict[str, Any]:
    return {str(item["name"]): item for item in items}


def _short(value: Any) -> str:
    text = _ABSENT if value is None else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
