"""Turn watch events into knowledge and work.

In: raw events of our resources, their children and their pods. Out: the store is up to date, and
the key of whoever is concerned is in the queue, if the change matters at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.status.observe import ChildRef
from cosmos3_operator.watch.relist import Relists
from cosmos3_operator.watch.routes import key_of_owner, key_of_resource

Event = Mapping[str, Any]


class Feed:
    """Takes every event once, in the order of its object."""

    def __init__(self, *, store: Store, queue: KeyedQueue[Key], relists: Relists) -> None:
        self._store = store
        self._queue = queue
        self._relists = relists

    async def on_resource(self, event: Event, **_: Any) -> None:
        """Take in one of our own resources."""
        body = event["object"]
        key, uid = key_of_resource(body), body["metadata"]["uid"]
        self._relists.saw(uid)
        if event["type"] == "DELETED":
            concerned = self._store.drop_resource(key, body)
        else:
            concerned = self._store.put_resource(key, body)
        if concerned:
            self._queue.add(key)

    async def on_child(self, event: Event, **_: Any) -> None:
        """Take in a Deployment, Service, ConfigMap, claim or NetworkPolicy of ours."""
        body = event["object"]
        metadata, key = body["metadata"], key_of_owner(body)
        self._relists.saw(metadata["uid"])
        if key is None:
            return
        ref = ChildRef(body["kind"], metadata["name"])
        if event["type"] == "DELETED":
            concerned = self._store.drop_child(key, ref, body)
        else:
            concerned = self._store.put_child(key, ref, body)
        self._concern(key, concerned=concerned)

    async def on_pod(self, event: Event, **_: Any) -> None:
        """Take in a model server's pod."""
        body = event["object"]
        metadata, key = body["metadata"], key_of_owner(body)
        self._relists.saw(metadata["uid"])
        if key is None:
            return
        if event["type"] == "DELETED":
            concerned = self._store.drop_pod(key, metadata["name"], body)
        else:
            concerned = self._store.put_pod(key, body)
        self._concern(key, concerned=concerned)

    def _concern(self, key: Key, *, concerned: bool) -> None:
        # At start, children come before their resources are known: those bring their own event.
        if concerned and self._store.resource(key) is not None:
            self._queue.add(key)
