"""Everything that is wrong with a resource at once, for people who mend a file.

`parse` stops at the schema where the schema is broken, since rules need typed values. Here the
broken fields are taken out and the rules are judged on the rest, as the API server does it. What a
rule says about a field that was taken out, or about its neighbours, is not reported: it might be a
consequence and not a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.api.resource import SPECS, Kind, broken_rules, parse

_ROUNDS = 8
"""Taking out a field may show that its container is incomplete; deeper than this nothing nests."""


def every_error(body: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return all that the schema and the rules find; () if the resource is valid."""
    try:
        parse(body)
    except Invalid as error:
        return tuple(sorted({*error.errors, *_behind_the_schema(body)}))
    return ()


def _behind_the_schema(body: Mapping[str, Any]) -> list[FieldError]:
    """Return what rules find in the part of a spec that keeps its schema."""
    try:
        spec_type = SPECS[Kind(str(body.get("kind")))]
    except ValueError:
        return []
    rest = deepcopy(body.get("spec"))
    taken: list[str] = []
    for _ in range(_ROUNDS):
        try:
            spec = spec_type.model_validate(rest)
        except ValidationError as error:
            paths = [_take_out(rest, detail["loc"]) for detail in error.errors()]
            if "" in paths:
                return []
            taken += paths
        else:
            return [e for where, e in broken_rules(spec) if not _touched(where, e.path, taken)]
    return []


def _take_out(data: Any, location: tuple[int | str, ...]) -> str:
    """Remove the innermost field of a location; return its path, "" if there is none to remove."""
    path, place = "spec", data
    innermost: tuple[dict[str, Any], str, str] | None = None
    for part in location:
        if isinstance(place, dict) and part in place:
            path += f".{part}"
            innermost = (place, str(part), path)
            place = place[str(part)]
        elif isinstance(place, list) and isinstance(part, int) and part < len(place):
            path, place = f"{path}[{part}]", place[part]
        else:
            break
    if innermost is None:
        return ""
    container, name, where = innermost
    container.pop(name, None)
    return where


def _touched(where: str, path: str, taken: list[str]) -> bool:
    """Tell whether a rule over the value at `where` may speak of a field that was taken out."""
    return any(
        path.startswith(gone) or (where != "spec" and gone.startswith(where)) for gone in taken
    )
