"""What a running program remembers: the number of entries of every container that it can reach.

In: any object. Out: for each container under it, by the path of attributes that leads there, how
many entries it has. Exact, so what grows with each resource that ever lived cannot hide.
"""

from __future__ import annotations

import functools
import types
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any

OURS = ("cosmos3_operator", "prometheus_client", "fakes")
CONTAINERS = (dict, list, set, frozenset, tuple, deque)


def remembered(root: Any, *, without: frozenset[str] = frozenset()) -> dict[str, int]:
    """Return the sizes of all containers that the object can reach, apart from what is named."""
    sizes: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [(type(root).__name__, root)]
    while waiting:
        path, found = waiting.pop()
        if id(found) in seen or path in without:
            continue
        seen.add(id(found))
        if isinstance(found, CONTAINERS):
            sizes[path] += len(found)
        waiting += _under(path, found)
    return {path: size for path, size in sizes.items() if size}


def difference(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return what grew or shrank, and by how much."""
    paths = sorted(one.keys() | other.keys())
    grown = {path: other.get(path, 0) - one.get(path, 0) for path in paths}
    return {path: number for path, number in grown.items() if number}


def _under(path: str, found: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield f"{path}[]", key
            yield f"{path}[]", value
    elif isinstance(found, CONTAINERS):
        for value in found:
            yield f"{path}[]", value
    elif isinstance(found, types.MethodType):
        yield type(found.__self__).__name__, found.__self__
    elif isinstance(found, functools.partial):
        yield from ((path, part) for part in (found.func, found.args, found.keywords))
    elif isinstance(found, types.FunctionType):
        for cell in found.__closure__ or ():
            yield f"{path}()", cell.cell_contents
    elif type(found).__module__.split(".")[0] in OURS:
        yield from _attributes(found)


def _attributes(found: Any) -> Iterator[tuple[str, Any]]:
    name = type(found).__name__
    names = [*getattr(found, "__dict__", ())]
    for base in type(found).__mro__:
        slots = getattr(base, "__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    for attribute in names:
        if attribute != "__dict__" and hasattr(found, attribute):
            yield f"{name}.{attribute}", getattr(found, attribute)
