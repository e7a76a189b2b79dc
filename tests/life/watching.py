"""Watches over plain HTTP, each with the moment at which an event arrived.

In: an address with a client certificate, collections. Out: every event, in the order of its
collection, to one listener at a time. A watch that breaks goes on from the last version; one that
cannot, lists anew, tells what has vanished meanwhile, and says that something may have been missed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from bed.api import Cluster
from life.world import Event

WATCH_SECONDS = 5
"""How long one watch request lasts: the longest time that a stop has to wait for."""
_RETRY_SECONDS = 0.1
_GONE = 410

Listener = Callable[..., None]


class Watching:
    """One thread for each collection."""

    def __init__(
        self, cluster: Cluster, *, collections: Mapping[str, str], listener: Listener
    ) -> None:
        self._server = cluster.server
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=len(collections),
            cert_file=str(cluster.admin_cert),
            key_file=str(cluster.admin_key),
            ca_certs=str(cluster.ca),
            retries=False,
            timeout=urllib3.Timeout(connect=5, read=WATCH_SECONDS + 10),
        )
        self._listener = listener
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._listed = {kind: threading.Event() for kind in collections}
        self.errors: list[str] = []
        self._threads = [
            threading.Thread(target=self._follow, args=(kind, path), name=f"watch {kind}")
            for kind, path in collections.items()
        ]

    def __enter__(self) -> Watching:
        for thread in self._threads:
            thread.start()
        for kind, listed in self._listed.items():
            assert listed.wait(60), f"no list of {kind}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(WATCH_SECONDS + 15)
        self._pool.clear()

    def _follow(self, kind: str, path: str) -> None:
        known: dict[str, Any] = {}
        version = ""
        while not self._stop.is_set():
            try:
                if not version:
                    version = self._list(kind, path, known)
                    self._listed[kind].set()
                version = self._watch(kind, path, known, version)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                self.errors.append(f"{kind}: {error}")
                self._stop.wait(_RETRY_SECONDS)

    def _list(self, kind: str, path: str, known: dict[str, Any]) -> str:
        answer = self._pool.request("GET", f"{self._server}{path}")
        if answer.status != 200:
            raise ValueError(f"{path} answered {answer.status}")
        listed = json.loads(answer.data)
        items = {item["metadata"]["uid"]: item for item in listed["items"]}
        for uid in known.keys() - items.keys():
            self._tell("DELETED", kind, known.pop(uid), whole=False)
        for uid, item in items.items():
            old = known.get(uid, {}).get("metadata", {}).get("resourceVersion")
            if old != item["metadata"]["resourceVersion"]:
                self._tell("MODIFIED" if uid in known else "ADDED", kind, item, whole=False)
            known[uid] = item
        return str(listed["metadata"]["resourceVersion"])

    def _watch(self, kind: str, path: str, known: dict[str, Any], version: str) -> str:
        query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}"
        joint = "&" if "?" in path else "?"
        url = f"{self._server}{path}{joint}{query}&resourceVersion={version}"
        answer = self._pool.request("GET", url, preload_content=False)
        try:
            if answer.status != 200:
                return "" if answer.status == _GONE else _failed(path, answer.status)
            for line in _lines(answer):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                version = str(event["object"]["metadata"]["resourceVersion"])
                if event["type"] != "BOOKMARK":
                    self._take(event, kind, known)
            return version
        finally:
            # The rest of a broken answer is not waited for.
            answer.close()

    def _take(self, event: Mapping[str, Any], kind: str, known: dict[str, Any]) -> None:
        body = event["object"]
        if event["type"] == "DELETED":
            known.pop(body["metadata"]["uid"], None)
        else:
            known[body["metadata"]["uid"]] = body
        self._tell(event["type"], kind, body, whole=True)

    def _tell(self, type_: str, kind: str, body: Mapping[str, Any], *, whole: bool) -> None:
        event = Event(type=type_, kind=kind, body={"kind": kind, **body})
        with self._lock:
            self._listener(event, now=time.monotonic(), wall=time.time(), whole=whole)


def _lines(answer: Any) -> Any:
    rest = b""
    for piece in answer.stream(1 << 20, decode_content=False):
        *whole, rest = (rest + piece).split(b"\n")
        yield from filter(None, whole)


def _failed(path: str, status: int) -> str:
    raise ValueError(f"{path} answered {status}")
