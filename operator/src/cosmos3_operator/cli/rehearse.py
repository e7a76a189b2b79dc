"""One pass of the operator's own loop over every resource of a cluster, with nothing written.

In: the way to a cluster, namespaces, settings. Out: for each resource, what the pass would have
changed. Reading is what the operator reads at its start.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from cosmos3_operator import __version__
from cosmos3_operator.cli.changes import Row, changes, restarts_pods
from cosmos3_operator.cli.run import pipeline
from cosmos3_operator.cli.telemetry import now
from cosmos3_operator.cluster.access import Access
from cosmos3_operator.cluster.session import Sessions
from cosmos3_operator.cluster.types import ResourceType
from cosmos3_operator.diagnosis.redact import redact
from cosmos3_operator.plan.settings import Settings
from cosmos3_operator.reconcile.evidence import EvidenceReader
from cosmos3_operator.reconcile.fetch import Fetcher
from cosmos3_operator.reconcile.gather import FactsCache
from cosmos3_operator.reconcile.kinds import CHILDREN, MANAGER, RESOURCES, SELECTOR, Key
from cosmos3_operator.reconcile.memo import Memo
from cosmos3_operator.reconcile.reconciler import Reconciler
from cosmos3_operator.reconcile.rehearsal import Rehearsed, RehearsingClient
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.reconcile.transitions import condition
from cosmos3_operator.status.evidence import NO_ASKS
from cosmos3_operator.status.observe import ChildRef
from cosmos3_operator.watch.routes import key_of_owner, key_of_resource

CONNECTIONS = 4
PASSING = frozenset({"Job"})
"""Asks the hub once and ends; its name changes with the operator's image."""

Children = Mapping[tuple[Key, ChildRef], Mapping[str, Any]]


async def rehearse(access: Access, *, namespaces: tuple[str, ...], settings: Settings) -> list[Row]:
    """Return what would happen to each resource."""
    sessions = Sessions(access, user_agent=f"cosmos3-operator/{__version__}")
    await sessions.prove()
    async with sessions.open(limit=CONNECTIONS) as session:
        client = RehearsingClient(session=session, server=access.server, manager=MANAGER)
        store = Store()
        children = await _fill(store, client, namespaces or (None,))
        reconciler = _reconciler(client, store, settings)
        return [
            await _row(key, reconciler=reconciler, client=client, store=store, children=children)
            for key, _ in sorted(store.resources())
        ]


async def _fill(
    store: Store, client: RehearsingClient, namespaces: tuple[str | None, ...]
) -> Children:
    """Read into the store what watches would, and return the children whole."""
    found: dict[tuple[Key, ChildRef], Mapping[str, Any]] = {}
    for namespace in namespaces:
        for resource in RESOURCES.values():
            async for body in _list(client, resource, namespace):
                store.put_resource(key_of_resource(body), body)
        for child in CHILDREN.values():
            async for body in _list(client, child, namespace, selector=SELECTOR):
                if key := key_of_owner(body):
                    ref = ChildRef(child.kind, body["metadata"]["name"])
                    store.put_child(key, ref, body)
                    found[key, ref] = body
    return found


async def _list(
    client: RehearsingClient, resource: ResourceType, namespace: str | None, selector: str = ""
) -> AsyncIterator[dict[str, Any]]:
    group = f"{resource.group}/" if resource.group else ""
    # Items of a list of built-in kinds do not say what they are.
    stated = {"apiVersion": f"{group}{resource.version}", "kind": resource.kind}
    async for body in client.list(resource, namespace=namespace, selector=selector):
        yield {**stated, **body}


def _reconciler(client: RehearsingClient, store: Store, settings: Settings) -> Reconciler:
    facts = FactsCache(client=client, clock=time.monotonic)
    return Reconciler(
        # Why something is not ready is not the question.
        pipeline=replace(pipeline(settings), asks=lambda *_, **__: NO_ASKS),
        client=client,
        store=store,
        memo=Memo(resync_seconds=float("inf"), clock=time.monotonic),
        facts=facts,
        evidence=EvidenceReader(
            fetcher=Fetcher(client=client, store=store, facts=facts, redact=redact),
            wake=lambda *_: None,
            reads_logs=False,
        ),
        clock=now,
    )


async def _row(
    key: Key,
    *,
    reconciler: Reconciler,
    client: RehearsingClient,
    store: Store,
    children: Children,
) -> Row:
    outcome = await reconciler.reconcile(key)
    row = Row(resource=str(key))
    for write in client.taken():
        row = _with(row, key, write, children)
    if outcome.result in ("invalid", "refused"):
        said = condition((store.resource(key) or {}).get("status") or {}, "Ready")
        return replace(row, lines=(*row.lines, f"{said.get('reason')}: {said.get('message')}"))
    return row


def _with(row: Row, key: Key, write: Rehearsed, children: Children) -> Row:
    """Add what one write would change."""
    ref = write.child
    if ref is None or ref.kind in PASSING:
        return row
    live, name = children.get((key, ref)), f"{ref.kind} {ref.name}"
    if write.is_delete:
        return replace(row, lines=(*row.lines, f"{name}: deleted"))
    if live is None:
        return replace(row, lines=(*row.lines, f"{name}: created"))
    lines = tuple(f"{name}: {line}" for line in changes(live, write.answer))
    restarts = ref.kind == "Deployment" and restarts_pods(live, write.answer)
    return replace(row, restarts=row.restarts or restarts, lines=(*row.lines, *lines))
