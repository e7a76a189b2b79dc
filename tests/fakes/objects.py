"""The part of the API server that keeps objects: pure bookkeeping, no HTTP.

Server-side apply by leaf fields (lists are atomic), generation, resourceVersion, ownership by
manager, preconditions, the status subresource. Answers are `(code, object)`; refusals raise.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]
FIRST_VERSION = 100
WITHOUT_GENERATION = frozenset({"configmaps", "services", "persistentvolumeclaims", "pods"})


class Refusal(Exception):  # noqa: N818 - an answer, not a malfunction
    def __init__(self, code: int, reason: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
            "details": {"causes": [{"field": one} for one in fields]},
        }


@dataclass
class Stored:
    body: dict[str, Any]
    owned: dict[tuple[str, str], dict[Path, Any]] = field(default_factory=dict)
    """What each (manager, subresource) has applied, by leaf."""

    def shown(self) -> dict[str, Any]:
        shown = copy.deepcopy(self.body)
        shown["metadata"]["managedFields"] = [
            {"manager": manager, "operation": "Apply", "subresource": sub}
            for manager, sub in self.owned
        ]
        return shown


@dataclass(frozen=True)
class Place:
    """Where an object lives."""

    group: str
    plural: str
    namespace: str
    name: str


class Objects:
    """All objects, and a history of events for watchers."""

    def __init__(self) -> None:
        self.version = FIRST_VERSION
        self.stored: dict[Place, Stored] = {}
        self.history: list[tuple[int, str, Place, dict[str, Any]]] = []
        self.listeners: list[Callable[[], None]] = []
        self._uids = 0

    def get(self, place: Place) -> dict[str, Any]:
        if place not in self.stored:
            raise Refusal(404, "NotFound", f'{place.plural} "{place.name}" not found')
        return self.stored[place].shown()

    def create(self, place: Place, body: Mapping[str, Any]) -> dict[str, Any]:
        if place in self.stored:
            raise Refusal(409, "AlreadyExists", f'{place.plural} "{place.name}" already exists')
        stored = self._new(place, body)
        self._record("ADDED", place)
        return stored.shown()

    def change(self, place: Place, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Change an object by hand, as another client would."""
        stored = self.stored[place]
        before = copy.deepcopy(stored.body)
        change(stored.body)
        self._commit(place, stored, before)
        return stored.shown()

    def apply(
        self, place: Place, body: Mapping[str, Any], *, manager: str, force: bool, sub: str = ""
    ) -> tuple[int, dict[str, Any]]:
        stored = self.stored.get(place)
        # As for custom resources: an apply on the status is compared by resourceVersion only.
        ignored = {"uid"} if sub else set()
        sent = {name: value for name, value in body["metadata"].items() if name not in ignored}
        self._check_preconditions(place, stored, sent)
        code, event = 200, "MODIFIED"
        if stored is None:
            if sub:
                raise Refusal(404, "NotFound", f'{place.plural} "{place.name}" not found')
            code, event = 201, "ADDED"
            identity = {name: body[name] for name in ("apiVersion", "kind")}
            metadata = dict(_names(place))
            stored = self._new(place, {**identity, "metadata": metadata})
        before = copy.deepcopy(stored.body)
        self._merge(stored, body, manager=manager, force=force, sub=sub)
        if event == "ADDED":
            self._record("ADDED", place)
        else:
            self._commit(place, stored, before)
        return code, stored.shown()

    def delete(self, place: Place, *, uid: str | None = None) -> dict[str, Any]:
        shown = self.get(place)
        if uid is not None and shown["metadata"]["uid"] != uid:
            raise Refusal(409, "Conflict", "Precondition failed: UID in precondition")
        self.version += 1
        shown["metadata"]["resourceVersion"] = str(self.version)
        del self.stored[place]
        self._tell("DELETED", place, shown)
        return shown

    def in_collection(
        self, group: str, plural: str, namespace: str | None
    ) -> Iterator[dict[str, Any]]:
        for place, stored in sorted(self.stored.items(), key=lambda item: str(item[0])):
            if (place.group, place.plural) == (group, plural) and namespace in (
                None,
                place.namespace,
            ):
                yield stored.shown()

    def _check_preconditions(
        self, place: Place, stored: Stored | None, metadata: Mapping[str, Any]
    ) -> None:
        uid, version = metadata.get("uid"), metadata.get("resourceVersion")
        if stored is None:
            if uid:
                raise Refusal(409, "Conflict", f"uid mismatch: no existing {place.name} was found")
            return
        found = stored.body["metadata"]
        if uid and uid != found["uid"]:
            raise Refusal(422, "Invalid", "metadata.uid: field is immutable", ("metadata.uid",))
        if version and version != found["resourceVersion"]:
            raise Refusal(409, "Conflict", "the object has been modified")

    def _merge(
        self, stored: Stored, body: Mapping[str, Any], *, manager: str, force: bool, sub: str
    ) -> None:
        wanted = {path: value for path, value in leaves(body) if in_scope(path, sub=sub)}
        mine = (manager, sub)
        conflicts = [
            (other, path)
            for other, fields in stored.owned.items()
            if other != mine
            for path, value in fields.items()
            if path in wanted and wanted[path] != value
        ]
        if conflicts and not force:
            other, path = conflicts[0]
            message = f'Apply failed with 1 conflict: conflict with "{other[0]}": .{".".join(path)}'
            raise Refusal(409, "Conflict", message)
        for other, path in conflicts:
            del stored.owned[other][path]
        for path in set(stored.owned.get(mine, {})) - set(wanted):
            remove(stored.body, path)
        for path, value in wanted.items():
            put(stored.body, path, copy.deepcopy(value))
        stored.owned[mine] = wanted

    def _new(self, place: Place, body: Mapping[str, Any]) -> Stored:
        self._uids += 1
        stored = Stored(copy.deepcopy(dict(body)))
        metadata = stored.body.setdefault("metadata", {})
        metadata.update(
            name=place.name,
            namespace=place.namespace,
            uid=f"uid-{self._uids}",
            creationTimestamp="2026-01-01T00:00:00Z",
        )
        if place.plural not in WITHOUT_GENERATION:
            metadata["generation"] = 1
        self.stored[place] = stored
        return stored

    def _commit(self, place: Place, stored: Stored, before: Mapping[str, Any]) -> None:
        if stored.body == before:
            return
        metadata = stored.body["metadata"]
        if "generation" in metadata and _intent(stored.body) != _intent(before):
            metadata["generation"] += 1
        self._record("MODIFIED", place)

    def _record(self, event: str, place: Place) -> None:
        self.version += 1
        stored = self.stored[place]
        stored.body["metadata"]["resourceVersion"] = str(self.version)
        self._tell(event, place, stored.shown())

    def _tell(self, event: str, place: Place, shown: dict[str, Any]) -> None:
        self.history.append((self.version, event, place, shown))
        for listener in self.listeners:
            listener()


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path, value


def in_scope(path: Path, *, sub: str) -> bool:
    if path[0] in ("apiVersion", "kind"):
        return False
    if path[0] == "metadata":
        return not sub and len(path) > 1 and path[1] in ("labels", "annotations", "ownerReferences")
    return (path[0] == "status") == (sub == "status")


def put(body: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        inner = body.get(name)
        if not isinstance(inner, dict):
            inner = body[name] = {}
        body = inner
    body[path[-1]] = value


def remove(body: dict[str, Any], path: Path) -> None:
    for name in path[:-1]:
        inner = body.get(name)
        if not isinstance(inner, dict):
            return
        body = inner
    body.pop(path[-1], None)


def matches(body: Mapping[str, Any], selector: str) -> bool:
    labels = body["metadata"].get("labels") or {}
    pairs = (part.split("=", 1) for part in selector.split(",") if part)
    return all(labels.get(name) == value for name, value in pairs)


def matches_fields(body: Mapping[str, Any], selector: str) -> bool:
    for part in filter(None, selector.split(",")):
        path, _, value = part.partition("=")
        found: Any = body
        for name in path.removesuffix("!").split("."):
            found = (found or {}).get(name)
        if (str(found or "") == value) == path.endswith("!"):
            return False
    return True


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def _names(place: Place) -> Iterator[tuple[str, str]]:
    yield "name", place.name
    yield "namespace", place.namespace


def _intent(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in ("metadata", "status")}
