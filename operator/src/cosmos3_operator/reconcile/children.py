"""Make the children what the plan wants: apply what differs, delete what is left over.

In: rendered manifests and their owner. Out: the refusals, child by child; the live children are in
the store. Three rules keep other people's objects safe:

- a child that we do not know is applied so that it can only be created, never merged into an
  object that has the name already (`resourceVersion` 1 matches no existing object);
- a child that we know is applied by force, but only onto the very object that we know (its uid);
- if the API server objects to either, the live object is read and judged (`ownership.py`).

What was planned without knowing the live Deployment is not applied over it, since a decision is
noted there: it is taken in, and another pass plans with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import ClusterError, NotFound, Refused, Unauthorized
from cosmos3_operator.cluster.requests import encode
from cosmos3_operator.reconcile.kinds import CHILDREN, Key
from cosmos3_operator.reconcile.memo import Memo, digest, fingerprint
from cosmos3_operator.reconcile.ownership import Owner, is_controlled_by, is_ours, whose
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.status.observe import ApplyFailure, ChildRef

Manifest = Mapping[str, Any]
CREATE_ONLY = {"resourceVersion": "1"}
LAST = frozenset({"Deployment"})
"""Applied after all others: its pods mount them."""
PRUNED = frozenset({"ConfigMap", "PersistentVolumeClaim", "NetworkPolicy", "Job"})
"""Kinds that one plan has and another has not. Each has one Service and one Deployment, whose names
never change: the operator never deletes them, and its role does not allow it to."""
PRUNED_AT_ONCE = frozenset({"Job"})
"""Pruned even while a child is held back, which may still use what is left over of other kinds."""


class NameTaken(Refused):
    """The name that a child needs belongs to somebody else's object."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A manifest, and what tells it from others."""

    ref: ChildRef
    manifest: Manifest
    digest: bytes

    @classmethod
    def of(cls, manifest: Manifest) -> Wanted:
        """Take a rendered manifest."""
        return cls(ref_of(manifest), manifest, digest(manifest))

    @property
    def is_last(self) -> bool:
        """Whether it is applied after the others."""
        return self.ref.kind in LAST


@dataclass(frozen=True, kw_only=True)
class Converged:
    """How far the children got."""

    failures: tuple[ApplyFailure, ...]
    has_moved: bool
    """A child changed after it was applied: another pass is needed at once."""


class Children:
    """Applies and prunes the children of one resource at a time."""

    def __init__(self, *, client: Client, store: Store, memo: Memo) -> None:
        self._client = client
        self._store = store
        self._memo = memo

    async def converge(
        self,
        owner: Owner,
        manifests: Sequence[Manifest],
        *,
        held: frozenset[ChildRef] = frozenset(),
    ) -> Converged:
        """Bring all children in line, but for those that are held back: they stay as they are."""
        every = [Wanted.of(manifest) for manifest in manifests]
        wanted = [one for one in every if one.ref not in held]
        refused = await self._apply_all(owner, [one for one in wanted if not one.is_last])
        refused += await self._apply_all(owner, [one for one in wanted if one.is_last])
        left_over = self._left_over(owner, every, held=held)
        refused += await _all_of([self._delete(owner, ref, uid) for ref, uid in left_over])
        failures = tuple(failure for failure in refused if failure is not None)
        handled = {failure.ref for failure in failures} | {ref for ref, _ in left_over}
        return Converged(
            failures=failures, has_moved=self._has_moved(owner, every, held=held, handled=handled)
        )

    async def _apply_all(self, owner: Owner, wanted: Sequence[Wanted]) -> list[ApplyFailure | None]:
        pending = [one for one in wanted if not self._is_settled(owner.key, one)]
        return await _all_of([self._attempt(owner, one) for one in pending])

    def _has_moved(
        self,
        owner: Owner,
        every: Sequence[Wanted],
        *,
        held: frozenset[ChildRef],
        handled: set[ChildRef],
    ) -> bool:
        """Whether a child changed behind the back of this pass."""
        done = handled | held
        return any(
            one.ref not in done and not self._is_settled(owner.key, one) for one in every
        ) or any(ref not in done for ref, _ in self._left_over(owner, every, held=held))

    def _is_settled(self, key: Key, wanted: Wanted) -> bool:
        live = self._store.child(key, wanted.ref)
        return live is not None and self._memo.is_settled(
            key,
            wanted.ref,
            desired=wanted.digest,
            live=fingerprint(live, desired=wanted.manifest),
        )

    async def _attempt(self, owner: Owner, wanted: Wanted) -> ApplyFailure | None:
        try:
            live = await self._apply(owner, wanted.manifest)
        except Unauthorized:
            raise
        except Refused as refusal:
            return _failure(wanted.ref, refusal)
        if live is None:
            return None
        self._store.put_child(owner.key, wanted.ref, live)
        self._memo.remember(
            owner.key,
            wanted.ref,
            desired=wanted.digest,
            live=fingerprint(live, desired=wanted.manifest),
        )
        return None

    async def _apply(self, owner: Owner, manifest: Manifest) -> Any:
        """Return the live object; None if one was found that has to be planned with first."""
        ref = ref_of(manifest)
        known = self._store.child(owner.key, ref)
        try:
            if known is None or not is_ours(known, desired=manifest, owner=owner):
                return await self._send(manifest, CREATE_ONLY, force=False)
            return await self._send(manifest, {"uid": known["metadata"]["uid"]}, force=True)
        except Refused as refusal:
            if not refusal.is_other_object:
                raise
            return await self._apply_over_live(owner, manifest)

    async def _apply_over_live(self, owner: Owner, manifest: Manifest) -> Any:
        try:
            live = await self._client.get(
                CHILDREN[manifest["kind"]],
                namespace=owner.key.namespace,
                name=manifest["metadata"]["name"],
            )
        except NotFound:
            return await self._send(manifest, CREATE_ONLY, force=False)
        live.setdefault("kind", manifest["kind"])
        if not is_ours(live, desired=manifest, owner=owner):
            raise _name_taken(manifest, live)
        if self._is_news(owner, ref_of(manifest), live):
            return None
        return await self._send(manifest, {"uid": live["metadata"]["uid"]}, force=True)

    def _is_news(self, owner: Owner, ref: ChildRef, live: Mapping[str, Any]) -> bool:
        """Take in a child that notes a decision, and say whether it was not known before."""
        known = self._store.child(owner.key, ref)
        if ref.kind not in LAST or (known and known["metadata"]["uid"] == live["metadata"]["uid"]):
            return False
        self._store.find_child(owner.key, ref, live)
        return True

    async def _send(
        self, manifest: Manifest, precondition: Mapping[str, str], *, force: bool
    ) -> Any:
        metadata = manifest["metadata"]
        return await self._client.apply(
            CHILDREN[manifest["kind"]],
            namespace=metadata["namespace"],
            name=metadata["name"],
            body=encode({**manifest, "metadata": {**metadata, **precondition}}),
            force=force,
        )

    def _left_over(
        self, owner: Owner, wanted: Sequence[Wanted], *, held: frozenset[ChildRef]
    ) -> list[tuple[ChildRef, str]]:
        refs = {one.ref for one in wanted}
        return [
            (ref, live["metadata"]["uid"])
            for ref, live in self._store.children(owner.key).items()
            if ref not in refs
            and ref.kind in PRUNED
            and (not held or ref.kind in PRUNED_AT_ONCE)
            and is_controlled_by(live, owner)
            and not live["metadata"].get("deletionTimestamp")
        ]

    async def _delete(self, owner: Owner, ref: ChildRef, uid: str) -> ApplyFailure | None:
        try:
            await self._client.delete(
                CHILDREN[ref.kind], namespace=owner.key.namespace, name=ref.name, uid=uid
            )
        except Unauthorized:
            raise
        except Refused as refusal:
            if not (isinstance(refusal, NotFound) or refusal.is_other_object):
                return _failure(ref, refusal)
            self._store.lose(ref.kind, owner.key, ref, uid)
        return None


def ref_of(manifest: Manifest) -> ChildRef:
    """Return what names a child."""
    return ChildRef(manifest["kind"], manifest["metadata"]["name"])


def _failure(ref: ChildRef, refusal: Refused) -> ApplyFailure:
    return ApplyFailure(ref=ref, code=refusal.code, reason=refusal.reason, message=refusal.message)


def _name_taken(manifest: Manifest, live: Mapping[str, Any]) -> NameTaken:
    name = manifest["metadata"]["name"]
    message = (
        f"{manifest['kind']} {name} exists and belongs to {whose(live)}: delete or rename it,"
        " or give this resource another name"
    )
    return NameTaken(message, code=409, reason="NameTaken")


async def _all_of(attempts: Sequence[Any]) -> list[ApplyFailure | None]:
    """Run all to their end; only then raise the first error, so that no answer is lost."""
    if len(attempts) == 1:
        return [await attempts[0]]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, ClusterError):
            raise error
    if errors:
        raise errors[0]
    return [result for result in results if not isinstance(result, BaseException)]
