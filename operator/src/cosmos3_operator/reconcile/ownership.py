"""Judge whose an object is that has the name we need.

In: a live object and the resource that wants it. Out: a verdict. Pure. An object is ours if our
resource controls it; if a resource of the same name controlled it that is gone now (deleted and
created again: its children live on without a restart); or if nobody controls it and it is marked
as this resource's own. Everything else is somebody's, and we never touch it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosmos3_operator.reconcile.kinds import COMPONENT, INSTANCE, MANAGED_BY, MANAGER, Key


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The resource that wants children."""

    key: Key
    uid: str
    api_version: str

    @classmethod
    def of(cls, key: Key, body: Mapping[str, Any]) -> Owner:
        """Take the identity out of a resource's body."""
        return cls(key=key, uid=body["metadata"]["uid"], api_version=body["apiVersion"])


def controller_of(live: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the owner reference that says `controller: true`."""
    references = live["metadata"].get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)


def is_controlled_by(live: Mapping[str, Any], owner: Owner) -> bool:
    """Whether this very resource controls the object."""
    controller = controller_of(live)
    return controller is not None and controller.get("uid") == owner.uid


def is_ours(live: Mapping[str, Any], *, desired: Mapping[str, Any], owner: Owner) -> bool:
    """Whether we may apply over the object by force."""
    controller = controller_of(live)
    if controller is not None:
        return controller.get("uid") == owner.uid or (
            _names(controller, owner) and _has_marks(live, desired)
        )
    is_claim = live.get("kind") == "PersistentVolumeClaim"
    return _has_marks(live, desired) and (is_claim or _was_applied_by_us(live))


def whose(live: Mapping[str, Any]) -> str:
    """Say in words who has the object."""
    controller = controller_of(live)
    if controller is not None:
        return f"{controller.get('kind')} {controller.get('name')}"
    manager = (live["metadata"].get("labels") or {}).get(MANAGED_BY)
    return f"{manager} (by its label {MANAGED_BY})" if manager else "somebody else"


def _names(controller: Mapping[str, Any], owner: Owner) -> bool:
    return (
        controller.get("kind") == owner.key.kind
        and controller.get("name") == owner.key.name
        and controller.get("apiVersion") == owner.api_version
    )


def _has_marks(live: Mapping[str, Any], desired: Mapping[str, Any]) -> bool:
    found = live["metadata"].get("labels") or {}
    wanted = desired["metadata"].get("labels") or {}
    return all(
        name in wanted and found.get(name) == wanted[name]
        for name in (MANAGED_BY, COMPONENT, INSTANCE)
    )


def _was_applied_by_us(live: Mapping[str, Any]) -> bool:
    return any(
        entry.get("manager") == MANAGER and entry.get("operation") == "Apply"
        for entry in live["metadata"].get("managedFields") or ()
    )
