"""The newest we know of our resources, their children and their pods.

In: watch events, and the answers to our own writes, in any order. Out: trimmed objects by key, and
whether a change is worth a pass. The watch is late by nature: an older version never replaces a
newer one, nor one that was seen deleted. (Deleted may also mean that it lost our label and left the
selection: then a newer version of the same object can come back.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cosmos3_operator.plan.facts import LiveDeployment
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.live import live_deployment
from cosmos3_operator.reconcile.trim import (
    child_moved,
    same_but_version,
    trim_child,
    trim_pod,
    trim_resource,
)
from cosmos3_operator.status.observe import ChildRef

Body = Mapping[str, Any]
OnPod = Callable[[Key, Body | None, Body | None], None]
"""Called with the pod's resource, the pod before (None: new) and now (None: gone)."""
REMEMBERED_DELETIONS = 4096


def _ignore_pod(key: Key, old: Body | None, new: Body | None) -> None:
    """Look away."""


class Store:
    """Everything is looked up by the key of the resource that it belongs to."""

    def __init__(self, *, on_pod: OnPod = _ignore_pod) -> None:
        self._on_pod = on_pod
        self._resources: dict[Key, Body] = {}
        self._children: dict[Key, dict[ChildRef, Body]] = {}
        self._pods: dict[Key, dict[str, Body]] = {}
        self._written: dict[Key, Any] = {}
        self._doubtful: set[Key] = set()
        self._passing: set[Key] = set()
        self._deleted: OrderedDict[str, Body] = OrderedDict()

    @contextmanager
    def passing(self, key: Key) -> Iterator[None]:
        """Ask for no pass for what a running one will see anyway, as it looks here at its end."""
        self._passing.add(key)
        try:
            yield
        finally:
            self._passing.discard(key)

    # Resources.

    def resource(self, key: Key) -> Body | None:
        """Return the resource as last seen."""
        return self._resources.get(key)

    def resources(self) -> list[tuple[Key, Body]]:
        """Return all resources as last seen."""
        return list(self._resources.items())

    def put_resource(self, key: Key, body: Body) -> bool:
        """Take in a resource. Whether a pass is needed: not for what we wrote ourselves."""
        known = self._resources.get(key)
        if self._is_stale(known, body):
            return False
        new = trim_resource(body)
        self._resources[key] = new
        self._doubtful.discard(key)
        return known is None or self._matters(key, known, new)

    def drop_resource(self, key: Key, last: Body) -> bool:
        """Forget a deleted resource. False if another has its name already."""
        self._bury(last)
        known = self._resources.get(key)
        if known is not None and _uid(known) != _uid(last):
            return False
        self._resources.pop(key, None)
        self._written.pop(key, None)
        self._doubtful.discard(key)
        return True

    def will_write_status(self, key: Key, status: Body) -> None:
        """Announce a status, so that the event it causes is known for our own."""
        self._written[key] = status

    def doubt(self, key: Key) -> None:
        """Mark a resource that a new listing no longer showed."""
        if key in self._resources:
            self._doubtful.add(key)

    def settle_doubt(self, key: Key, body: Body | None) -> None:
        """Take in what the API server says about a resource in doubt."""
        self._doubtful.discard(key)
        if body is not None:
            self.put_resource(key, body)
        elif known := self._resources.get(key):
            self.drop_resource(key, known)

    def is_doubtful(self, key: Key) -> bool:
        """Whether the resource must be looked up before it is believed in."""
        return key in self._doubtful

    # Children.

    def child(self, key: Key, ref: ChildRef) -> Body | None:
        """Return one child as last seen."""
        return self._children.get(key, {}).get(ref)

    def children(self, key: Key) -> Mapping[ChildRef, Body]:
        """Return all children as last seen."""
        return self._children.get(key, {})

    def claim_size(self, key: Key) -> str | None:
        """Return what the resource's own claim asks for; None if it has none."""
        for ref, claim in self.children(key).items():
            if ref.kind == "PersistentVolumeClaim":
                requests = (claim.get("spec") or {}).get("resources", {}).get("requests", {})
                return str(requests["storage"]) if "storage" in requests else None
        return None

    def deployment(self, key: Key) -> LiveDeployment | None:
        """Return what the Deployment says of its runtime; None if there is none."""
        for ref, child in self.children(key).items():
            if ref.kind == "Deployment":
                return live_deployment(child)
        return None

    def put_child(self, key: Key, ref: ChildRef, body: Body) -> bool:
        """Take in a child. Whether a pass is needed."""
        siblings = self._children.setdefault(key, {})
        known = siblings.get(ref)
        if self._is_stale(known, body):
            return False
        siblings[ref] = new = trim_child(body)
        moved = known is None or child_moved(known, new)
        return moved and key not in self._passing

    def find_child(self, key: Key, ref: ChildRef, body: Body) -> None:
        """Take in a child that was just read: it is there, whatever was heard of its end."""
        self._deleted.pop(_uid(body), None)
        self._children.setdefault(key, {})[ref] = trim_child(body)

    def drop_child(self, key: Key, ref: ChildRef, last: Body) -> bool:
        """Forget a deleted child. False if another has its name already."""
        self._bury(last)
        return _drop(self._children, key, ref, _uid(last)) and key not in self._passing

    # Pods.

    def pods(self, key: Key) -> tuple[Body, ...]:
        """Return the pods, oldest first."""
        found = self._pods.get(key, {}).values()
        return tuple(
            sorted(
                found,
                key=lambda pod: (
                    str(pod["metadata"].get("creationTimestamp")),
                    str(pod["metadata"].get("name")),
                ),
            )
        )

    def unsorted_pods(self, key: Key) -> Collection[Body]:
        """Return the pods in any order, for those who only count."""
        return self._pods.get(key, {}).values()

    def put_pod(self, key: Key, body: Body) -> bool:
        """Take in a pod. Whether a pass is needed: not for what we would not look at."""
        siblings = self._pods.setdefault(key, {})
        name = body["metadata"]["name"]
        known = siblings.get(name)
        if self._is_stale(known, body):
            return False
        siblings[name] = new = trim_pod(body)
        self._on_pod(key, known, new)
        moved = known is None or not same_but_version(known, new)
        return moved and key not in self._passing

    def drop_pod(self, key: Key, name: str, last: Body) -> bool:
        """Forget a deleted pod."""
        self._bury(last)
        return self._drop_pod(key, name, _uid(last)) and key not in self._passing

    def _drop_pod(self, key: Key, name: str, uid: str) -> bool:
        known = self._pods.get(key, {}).get(name)
        is_gone = _drop(self._pods, key, name, uid)
        if is_gone:
            self._on_pod(key, known, None)
        return is_gone

    # What a new listing must show again.

    def seen(self, kind: str, namespace: str | None) -> dict[str, tuple[Key, Any]]:
        """Return owner and name of all objects of a kind, by uid."""
        return {
            _uid(body): (key, name)
            for key, name, body in self._all(kind)
            if namespace in (None, key.namespace)
        }

    def lose(self, kind: str, key: Key, name: Any, uid: str) -> None:
        """Drop a child or pod that a new listing no longer showed; it may be shown later."""
        if kind == "Pod":
            self._drop_pod(key, name, uid)
        else:
            _drop(self._children, key, name, uid)

    def _all(self, kind: str) -> Iterator[tuple[Key, Any, Body]]:
        for key, body in self._resources.items():
            if key.kind == kind:
                yield key, key.name, body
        for key, children in self._children.items():
            for ref, body in children.items():
                if ref.kind == kind:
                    yield key, ref, body
        if kind == "Pod":
            for key, pods in self._pods.items():
                for name, body in pods.items():
                    yield key, name, body

    # What is newer, and what matters.

    def _matters(self, key: Key, known: Body, new: Body) -> bool:
        if _identity(known) != _identity(new):
            return True
        status = new.get("status") or {}
        return status != (known.get("status") or {}) and status != self._written.get(key)

    def _is_stale(self, known: Body | None, body: Body) -> bool:
        last = self._deleted.get(_uid(body))
        if last is not None and not _is_newer(body, than=last):
            return True
        return known is not None and not _is_newer(body, than=known)

    def _bury(self, last: Body) -> None:
        metadata = last["metadata"]
        self._deleted[_uid(last)] = {
            "metadata": {"resourceVersion": metadata.get("resourceVersion")}
        }
        if len(self._deleted) > REMEMBERED_DELETIONS:
            self._deleted.popitem(last=False)


def _drop(index: dict[Key, dict[Any, Body]], key: Key, name: Any, uid: str) -> bool:
    siblings = index.get(key, {})
    known = siblings.get(name)
    if known is None or _uid(known) != uid:
        return False
    del siblings[name]
    if not siblings:
        del index[key]
    return True


def _uid(body: Body) -> str:
    return str(body["metadata"].get("uid"))


def _identity(body: Body) -> tuple[Any, ...]:
    metadata = body["metadata"]
    return metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp")


def _is_newer(body: Body, *, than: Body) -> bool:
    ours, theirs = (str(one["metadata"].get("resourceVersion", "")) for one in (body, than))
    if ours.isdecimal() and theirs.isdecimal():
        return int(ours) > int(theirs)
    return ours != theirs
