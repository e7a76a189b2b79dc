"""What the operator must be permitted: permissions.yaml as values, and the single questions in it.

In: which namespaces are served, whether logs are read, the Lease. Out: `Ask`s, one for each
resource in each place, which `cluster/review.py` can put to the API server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from cosmos3_operator.cluster.review import Ask


class Scope(StrEnum):
    """Where something must be permitted."""

    WATCHED = "watched"
    CLUSTER = "cluster"
    ELECTION = "election"


class When(StrEnum):
    """For which setup."""

    ALWAYS = "always"
    POD_LOGS = "pod-logs"
    SOME_NAMESPACES = "some-namespaces"
    ALL_NAMESPACES = "all-namespaces"


class Permission(BaseModel):
    """One row of permissions.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    scope: Scope = Scope.WATCHED
    name: str = ""
    when: When = When.ALWAYS
    needed: bool = True
    without: str = "the operator cannot work"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How the operator is run, as far as permissions depend on it."""

    namespaces: tuple[str, ...] = ()
    pod_logs: bool = True
    lease_namespace: str = ""
    """"" if there is no election."""
    lease_name: str = ""

    def wants(self, permission: Permission) -> bool:
        """Whether it is asked for at all."""
        if permission.scope is Scope.ELECTION and not self.lease_namespace:
            return False
        conditions = {
            When.ALWAYS: True,
            When.POD_LOGS: self.pod_logs,
            When.SOME_NAMESPACES: self.namespaces,
            When.ALL_NAMESPACES: not self.namespaces,
        }
        return bool(conditions[permission.when])

    def places(self, permission: Permission) -> tuple[str, ...]:
        """Return the namespaces in question; "" is the whole cluster."""
        if permission.scope is Scope.ELECTION:
            return (self.lease_namespace,)
        return self.namespaces if permission.scope is Scope.WATCHED and self.namespaces else ("",)


@cache
def permissions() -> tuple[Permission, ...]:
    """Return every row."""
    text = resources.files(__package__).joinpath("permissions.yaml").read_text("utf-8")
    return TypeAdapter(tuple[Permission, ...]).validate_python(yaml.safe_load(text))


def asks(setup: Setup) -> Iterator[tuple[Permission, Ask]]:
    """Yield what to ask for a setup, each with the row that it is from."""
    for permission in permissions():
        if not setup.wants(permission):
            continue
        for namespace in setup.places(permission):
            for resource in permission.resources:
                yield permission, _ask(permission, resource, namespace=namespace, setup=setup)


def _ask(permission: Permission, resource: str, *, namespace: str, setup: Setup) -> Ask:
    return Ask(
        group=permission.group,
        resource=resource,
        verbs=permission.verbs,
        namespace=namespace,
        name=setup.lease_name if permission.name == "lease" else "",
    )
