"""Write a status if, and only if, it says something new.

In: the status that the summarizer wants. Out: at most one server-side apply on the subresource.
The write carries the resource's resourceVersion: it can never land on another resource that has
taken the name meanwhile. (Its uid would not do: on the status of a custom resource, the API server
does not compare it.) If only labels or the like have changed since we looked, it is sent again with
the new version; if the spec has, its own event brings a pass. Nothing is written if the live status
is what we want, or if it is exactly what the API server made of the same status when we last sent
it. Where the CRDs are older than this operator, what they do not know is left out: a status without
a new field is better than one that has stopped.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import Conflict, NotFound, Unavailable, Undeclared
from cosmos3_operator.cluster.requests import encode
from cosmos3_operator.reconcile.kinds import RESOURCES, Key
from cosmos3_operator.reconcile.store import Store

Status = Mapping[str, Any]

logger = logging.getLogger(__name__)

_NAMES = re.compile(r"\.status((?:\.\w+)+)")
TRIES = 3
"""Somebody else would have to write as often in the time of a few requests."""


@dataclass(frozen=True, slots=True)
class _Sent:
    uid: str
    status: Status
    answer: Status


class StatusWriter:
    """Compares, writes, and remembers what came back."""

    def __init__(self, *, client: Client, store: Store) -> None:
        self._client = client
        self._store = store
        self._sent: dict[Key, _Sent] = {}
        self._complained: set[str] = set()

    async def write(self, key: Key, uid: str, status: Status) -> bool:
        """Make the live status this one. Whether a write was needed."""
        live = self._store.resource(key)
        if live is None or live["metadata"]["uid"] != uid or self._is_settled(key, live, status):
            return False
        self._store.will_write_status(key, status)
        answer = await self._apply_to_same(key, live, status)
        if answer is None:
            # Deleted, changed, or deleted and created again. Its events will say; if they are lost,
            # the next pass looks it up.
            self._store.doubt(key)
            return False
        self._sent[key] = _Sent(uid, status, answer.get("status") or {})
        self._store.put_resource(key, answer)
        return True

    def forget(self, key: Key) -> None:
        """Drop what was sent for a resource that is gone."""
        self._sent.pop(key, None)

    def _is_settled(self, key: Key, live: Mapping[str, Any], status: Status) -> bool:
        found = live.get("status") or {}
        if found == status:
            return True
        sent = self._sent.get(key)
        return (
            sent is not None
            and sent.uid == live["metadata"]["uid"]
            and sent.status == status
            and sent.answer == found
        )

    async def _apply_to_same(self, key: Key, live: Mapping[str, Any], status: Status) -> Any:
        """Write to the resource that the status is about; None if it is not there any more."""
        version = live["metadata"]["resourceVersion"]
        for _ in range(TRIES):
            try:
                return await self._apply(key, live, status, version=version)
            except NotFound:
                return None
            except Conflict:
                now = await self._look_up(key)
                if now is None or _subject(now) != _subject(live):
                    return None
                version = now["metadata"]["resourceVersion"]
        raise Unavailable(f"the status of {key}: it changed {TRIES} times while it was written")

    async def _look_up(self, key: Key) -> Any:
        try:
            return await self._client.get(
                RESOURCES[key.kind], namespace=key.namespace, name=key.name
            )
        except NotFound:
            return None

    async def _apply(
        self, key: Key, live: Mapping[str, Any], status: Status, *, version: str
    ) -> Any:
        """Write as much of a status as the CRD declares."""
        try:
            return await self._send(key, live, status, version=version)
        except Undeclared as error:
            known = without(status, error.paths)
            if known == status:
                raise
            self._complain(key.kind, error.paths)
            return await self._apply(key, live, known, version=version)

    def _complain(self, kind: str, paths: tuple[str, ...]) -> None:
        new = set(paths) - self._complained
        self._complained |= new
        for path in sorted(new):
            logger.warning(
                "the CRD of %s is older than this operator and does not know %s, which is left out:"
                " apply the CRDs of its own version",
                kind,
                path,
            )

    async def _send(
        self, key: Key, live: Mapping[str, Any], status: Status, *, version: str
    ) -> Any:
        body = {
            "apiVersion": live["apiVersion"],
            "kind": live["kind"],
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "resourceVersion": version,
            },
            "status": status,
        }
        return await self._client.apply_status(
            RESOURCES[key.kind], namespace=key.namespace, name=key.name, body=encode(body)
        )


def without(status: Status, paths: Iterable[str]) -> dict[str, Any]:
    """Return a status without the fields of these paths; of a list, the whole list goes."""
    kept = copy.deepcopy(dict(status))
    for path in paths:
        found = _NAMES.match(path)
        *parents, last = found[1].split(".")[1:] if found else [""]
        node: Any = kept
        for name in parents:
            node = node.get(name) or {}
        node.pop(last, None)
    return kept


def _subject(body: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a status is about: this very resource, as it is specified."""
    metadata = body["metadata"]
    return metadata["uid"], metadata.get("generation")
