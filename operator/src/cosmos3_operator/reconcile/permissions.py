"""What the operator must be permitted, and what is lost without: permissions.yaml as values.

In: which namespaces are served, whether logs are read, the Lease. Out: `Ask`s that
`cluster/review.py` can put to the API server, each with the row that it is from. The docs show the
same rows; tests hold them against the chart's roles, and against what happens when one is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field

from cosmos3_operator.cluster.review import Ask

Scope = Literal["namespace", "cluster", "release"]
Place = Literal["readyz", "status", "log"]
When = Literal["always", "pod-logs", "some-namespaces", "all-namespaces"]


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
    when: When = "always"
    """For which setup it is wanted."""
    needed: bool = True
    """Whether models are served wrongly, or not at all, without it."""
    purpose: Annotated[str, Field(alias="for")]
    without: str
    told: Place
    code: str

    def atoms(self) -> Iterator[Atom]:
        """Yield each verb on each resource."""
        for resource in self.resources:
            for verb in self.verbs:
                yield Atom(self.scope, self.group, resource, verb)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How the operator is run, as far as permissions depend on it."""

    namespaces: tuple[str, ...] = ()
    pod_logs: bool = True
    lease_namespace: str = ""
    """"" if there is no election."""
    lease_name: str = ""

    def wants(self, row: Row) -> bool:
        """Whether it is asked for at all."""
        if row.scope == "release" and not self.lease_namespace:
            return False
        conditions: dict[When, bool] = {
            "always": True,
            "pod-logs": self.pod_logs,
            "some-namespaces": bool(self.namespaces),
            "all-namespaces": not self.namespaces,
        }
        return conditions[row.when]

    def places(self, row: Row) -> tuple[str, ...]:
        """Return the namespaces in question; "" is the whole cluster."""
        if row.scope == "release":
            return (self.lease_namespace,)
        return self.namespaces if row.scope == "namespace" and self.namespaces else ("",)

    def name(self, atom: Atom) -> str:
        """Return the only object in question; "" is all. A create cannot be limited by name."""
        return self.lease_name if atom.scope == "release" and atom.verb != "create" else ""


@cache
def rows() -> tuple[Row, ...]:
    """Return all rows."""
    text = resources.files(__package__).joinpath("permissions.yaml").read_text("utf-8")
    return tuple(map(Row.model_validate, yaml.safe_load(text)))


def asks(setup: Setup) -> Iterator[tuple[Row, Ask]]:
    """Yield what to ask for a setup, a verb at a time, each with the row that it is from."""
    for row in filter(setup.wants, rows()):
        for namespace in setup.places(row):
            for atom in row.atoms():
                yield (
                    row,
                    Ask(
                        group=atom.group,
                        resource=atom.resource,
                        verb=atom.verb,
                        namespace=namespace,
                        name=setup.name(atom),
                    ),
                )
