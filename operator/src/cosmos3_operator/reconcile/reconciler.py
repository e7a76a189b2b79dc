"""One pass: parse, gather, plan, render, hold, apply, ask, summarize, write the status.

In: a key. Out: `Outcome`, which says when to come back. Everything that a pass needs to know is in
the store or in the answers to its own requests; it can be run again at any time, by anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import ClusterError, NotFound
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.reconcile.children import Children, ref_of
from cosmos3_operator.reconcile.evidence import EvidenceReader
from cosmos3_operator.reconcile.gather import (
    EARLY_SECONDS,
    FRESH_SECONDS,
    FactsCache,
    cut_off_node,
    reporting_node,
)
from cosmos3_operator.reconcile.kinds import RESOURCES, Key
from cosmos3_operator.reconcile.memo import Memo
from cosmos3_operator.reconcile.ownership import Owner
from cosmos3_operator.reconcile.pipeline import Body, Pipeline, Summary
from cosmos3_operator.reconcile.runs import node_of
from cosmos3_operator.reconcile.status_writer import StatusWriter
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.reconcile.transitions import OnTransition, condition, ignore_transition
from cosmos3_operator.status.evidence import Ask, Evidence
from cosmos3_operator.status.observe import ApplyFailure, ChildRef, Observation


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a pass ended."""

    result: str
    """success, refused, invalid or gone."""
    requeue_after: float | None = None
    waits: bool = False
    """The status can change by the passing of time alone: it comes back before the next resync."""
    has_moved: bool = False
    """A child changed behind the back of the pass: come back at once."""

    @property
    def must_retry(self) -> bool:
        """A child was refused: come back, with growing delays."""
        return self.result == "refused"


GONE = Outcome(result="gone")


class Reconciler:
    """Holds what passes share; each pass is one call."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        client: Client,
        store: Store,
        memo: Memo,
        facts: FactsCache,
        evidence: EvidenceReader,
        clock: Callable[[], datetime],
        on_transition: OnTransition = ignore_transition,
    ) -> None:
        self._pipeline = pipeline
        self._client = client
        self._store = store
        self._memo = memo
        self._facts = facts
        self._evidence = evidence
        self._clock = clock
        self._on_transition = on_transition
        self._tracer = client.tracer
        self._children = Children(client=client, store=store, memo=memo)
        self._status = StatusWriter(client=client, store=store)

    async def reconcile(self, key: Key) -> Outcome:
        """Make the cluster agree with the resource, and say so."""
        body = await self._look_up(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return self._forget(key)
        try:
            return await self._pass(key, body)
        except ClusterError:
            raise
        except Exception as error:
            summary = self._pipeline.summarize_failure(body, error, now=self._clock())
            await self._show(key, body, summary)
            raise

    async def _pass(self, key: Key, body: Body) -> Outcome:
        resync = self._memo.open(key)
        try:
            resource = self._pipeline.parse(body)
            plan = self._pipeline.make_plan(resource, await self._gather(key))
        except Invalid as error:
            summary = self._pipeline.summarize_invalid(
                body, error, observation=self._observe(key), now=self._clock()
            )
            await self._show(key, body, summary)
            return Outcome(result="invalid", **_next(summary.requeue_after, resync=resync))
        manifests = self._pipeline.render(plan)
        wanted = frozenset(map(ref_of, manifests))
        held = self._pipeline.hold(plan, self._observe(key, wanted))
        with self._store.passing(key), self._tracer.span("converge", children=len(manifests)):
            converged = await self._children.converge(Owner.of(key, body), manifests, held=held)
            observation = self._observe(key, wanted, converged.failures)
        has_moved = converged.has_moved or self._pipeline.hold(plan, observation) != held
        observation = replace(observation, lost_nodes=self._facts.lost_nodes)
        asks = self._pipeline.asks(plan, observation, now=self._clock())
        if asks.asks:
            observation = replace(observation, evidence=await self._collect(key, asks.asks))
        else:
            self._evidence.rest(key)
        summary = self._pipeline.summarize(resource, plan, observation, now=self._clock())
        await self._show(key, body, summary)
        look_again = await self._look_for_lost_nodes(observation)
        return Outcome(
            result="refused" if converged.failures else "success",
            has_moved=has_moved,
            **_next(summary.requeue_after, asks.requeue_after, look_again, resync=resync),
        )

    async def _collect(self, key: Key, asks: tuple[Ask, ...]) -> Evidence:
        """Fetch what is not watched, waiting a moment for it.

        A resource that has been ready until now waits for nothing: that it is not ready any more
        is written at once, and why, as soon as that is known.
        """
        was_ready = condition((self._store.resource(key) or {}).get("status") or {}, "Ready")
        may_wait = was_ready.get("status") != "True"
        with self._tracer.span("evidence", asks=len(asks), waits=may_wait):
            return await self._evidence.collect(key, asks, may_wait=may_wait)

    async def _look_for_lost_nodes(self, observation: Observation) -> float | None:
        """Look at nodes early if pods say otherwise; return when to look at the resource again.

        After the status is written, which must not wait for a list of nodes.
        """
        lost = observation.lost_nodes
        cut_off = set(map(cut_off_node, observation.pods)) - lost - {""}
        back = set(map(reporting_node, observation.pods)) & lost
        if cut_off or back:
            if self._facts.age < EARLY_SECONDS:
                return EARLY_SECONDS - self._facts.age
            await self._facts.get(at_most=EARLY_SECONDS)
            if (cut_off | back) & (self._facts.lost_nodes ^ lost):
                return 0.0
        if back:
            return EARLY_SECONDS
        # Nothing tells that a node is back before its pods do, which may take them a while.
        is_lost = any(node_of(pod) in lost for pod in observation.pods)
        return FRESH_SECONDS if is_lost else None

    async def _gather(self, key: Key) -> Facts:
        with self._tracer.span("gather"):
            facts = await self._facts.get()
        return replace(
            facts,
            claim_size=self._store.claim_size(key),
            deployment=self._store.deployment(key),
        )

    async def _look_up(self, key: Key) -> Body | None:
        if self._store.is_doubtful(key):
            try:
                body = await self._client.get(
                    RESOURCES[key.kind], namespace=key.namespace, name=key.name
                )
            except NotFound:
                body = None
            self._store.settle_doubt(key, body)
        return self._store.resource(key)

    def _observe(
        self,
        key: Key,
        wanted: frozenset[ChildRef] | None = None,
        failures: tuple[ApplyFailure, ...] = (),
    ) -> Observation:
        """Look at the children that are wanted, at all if that is not known."""
        children = self._store.children(key)
        return Observation.of(
            children={r: c for r, c in children.items() if wanted is None or r in wanted},
            pods=self._store.pods(key),
            failures=failures,
        )

    async def _show(self, key: Key, body: Body, summary: Summary) -> None:
        with self._tracer.span("status"):
            is_new = await self._status.write(key, body["metadata"]["uid"], summary.status)
        if is_new:
            self._on_transition(key, body, body.get("status") or {}, summary.status)

    def _forget(self, key: Key) -> Outcome:
        self._memo.forget(key)
        self._status.forget(key)
        self._evidence.forget(key)
        return GONE


def _next(*soon: float | None, resync: float) -> dict[str, Any]:
    """Say when to come back, and whether for another reason than that time has passed."""
    known = [after for after in soon if after is not None]
    return {"requeue_after": min([*known, resync]), "waits": bool(known)}
