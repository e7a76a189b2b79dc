"""Roles in their smallest parts, so that each part can be taken away.

In: rendered Roles and ClusterRoles. Out: atoms, and roles that lack one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from cosmos3_operator.reconcile.permissions import Atom, Scope

Json = dict[str, Any]


def atoms_of(role: Json, scope: Scope) -> Iterator[Atom]:
    """Yield what a role allows."""
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield Atom(scope, group, resource, verb)


def without(role: Json, atoms: Iterable[Atom]) -> Json:
    """Return the role with these taken away, and nothing else."""
    gone = {(atom.group, atom.resource, atom.verb) for atom in atoms}
    rules = [
        {**rule, "apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if (group, resource, verb) not in gone
    ]
    return {**copy.deepcopy(role), "rules": rules}
