"""Write a status if, and only if, it says something new.

In: the status that the summarizer wants. Out: at most one server-side apply on the subresource.
The write carries the resource's uid: it can never land on another resource that has taken the
name meanwhile. Nothing is written if the live status is what we want, or if it is exactly what the
API server made of the same status when we last sent it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import NotFound, Refused
from cosmos3_operator.cluster.requests import encode
from cosmos3_operator.reconcile.kinds import RESOURCES, Key
from cosmos3_operator.reconcile.store import Store

Status = Mapping[str, Any]


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

    async def write(self, key: Key, uid: str, status: Status) -> bool:
        """Make the live status this one. Whether a write was needed."""
        live = self._store.resource(key)
        if live is None or live["metadata"]["uid"] != uid or self._is_settled(key, live, status):
            return False
        self._store.will_write_status(key, status)
        try:
            answer = await self._apply(key, live, status)
        except Refused as refusal:
            if not (isinstance(refusal, NotFound) or refusal.is_other_object):
                raise
            # Deleted, or deleted and created again. Its events will say; if they are lost, the
            # next pass looks it up.
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

    async def _apply(self, key: Key, live: Mapping[str, Any], status: Status) -> Any:
        body = {
            "apiVersion": live["apiVersion"],
            "kind": live["kind"],
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "uid": live["metadata"]["uid"],
            },
            "status": status,
        }
        return await self._client.apply_status(
            RESOURCES[key.kind], namespace=key.namespace, name=key.name, body=encode(body)
        )
