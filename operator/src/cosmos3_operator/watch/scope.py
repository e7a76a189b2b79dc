"""What is watched: kinds, each in the whole cluster or in some namespaces.

In: the namespaces of the command line. Out: scopes, and the scope that a request of the watch
layer is about. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cosmos3_operator.cluster.requests import path_of
from cosmos3_operator.cluster.types import ResourceType
from cosmos3_operator.reconcile.kinds import CHILDREN, PODS, RESOURCES

WATCHED: tuple[ResourceType, ...] = (*RESOURCES.values(), *CHILDREN.values(), PODS)


class Scope(NamedTuple):
    """One collection that is listed and watched."""

    kind: str
    namespace: str | None

    @property
    def plural(self) -> str:
        """The kind as paths and metrics have it."""
        return next(one.plural for one in WATCHED if one.kind == self.kind)

    def __str__(self) -> str:
        """Return the scope as people write it."""
        return f"{self.plural} in {self.namespace}" if self.namespace else self.plural


def scopes_by_path(namespaces: Sequence[str]) -> dict[str, Scope]:
    """Return every collection we watch, by its path."""
    return {
        path_of(resource, namespace=namespace): Scope(resource.kind, namespace)
        for resource in WATCHED
        for namespace in (namespaces or (None,))
    }
