"""What permissions.md shows of the operator's roles, row by row.

In: permissions.yaml. Out: typed rows; tests hold them against the chart and against what happens
when one is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field

ROWS = Path(__file__).with_name("permissions.yaml")

Scope = Literal["namespace", "cluster", "release"]
Place = Literal["readyz", "status", "log"]


class Atom(NamedTuple):
    """The smallest permission: one verb on one resource."""

    scope: Scope
    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        """Name it as administrators do."""
        whole = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {whole} ({self.scope})"


class Row(BaseModel):
    """Permissions that are needed for the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    scope: Scope
    optional: str = ""
    """The chart's value that leaves it out."""
    purpose: Annotated[str, Field(alias="for")]
    without: str
    told: Place
    code: str

    def atoms(self) -> Iterator[Atom]:
        """Yield each verb on each resource."""
        for resource in self.resources:
            for verb in self.verbs:
                yield Atom(self.scope, self.group, resource, verb)


@cache
def rows() -> tuple[Row, ...]:
    """Return all rows, in the order of the page."""
    return tuple(map(Row.model_validate, yaml.safe_load(ROWS.read_text("utf-8"))))


def permissions() -> dict[str, Any]:
    """Return the values of the template: the rows by where they are granted."""
    return {
        scope: [row for row in rows() if row.scope == scope]
        for scope in ("namespace", "cluster", "release")
    }
