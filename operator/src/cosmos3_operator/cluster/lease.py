"""Leader election: of several processes, the one that holds a Lease does the work.

In: a client, the name of the Lease, who we are, clocks. Out: `Elector`: `campaign` returns once we
lead, `keep` returns once we do not any more, `release` hands over at once. The rules are
client-go's: the clocks of others are never trusted, only whether their Lease still changes while
our own clock runs; and who cannot renew gives up before anybody else may take over.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import ClusterError, Conflict, NotFound, Refused
from cosmos3_operator.cluster.requests import encode
from cosmos3_operator.cluster.types import ResourceType

logger = logging.getLogger(__name__)

LEASES = ResourceType(
    group="coordination.k8s.io", version="v1", kind="Lease", plural="leases", namespaced=True
)
_MATCHES_NOTHING = "1"
"""A resourceVersion that no object has: an apply with it can only create."""
JITTER = 1.2
"""Standbys do not all ask at the same moment; client-go spreads them as far."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long a Lease is good for, in seconds, and what follows from that."""

    lease: float = 15.0
    """Others take over when a Lease has not changed for so long; client-go's default."""

    @property
    def renew_deadline(self) -> float:
        """A leader that could not renew for so long gives up: client-go's 10 of 15 s."""
        return self.lease * 2 / 3

    @property
    def retry(self) -> float:
        """Between two attempts: client-go's 2 of 15 s."""
        return self.lease * 2 / 15


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a Lease says."""

    version: str
    """resourceVersion, "" if there is no Lease yet."""
    holder: str = ""
    duration: float = 0.0
    """Seconds, as its holder wrote them."""
    acquired: str = ""
    transitions: int = 0

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Record:
        """Read a Lease."""
        spec = body.get("spec") or {}
        return cls(
            version=str(body["metadata"]["resourceVersion"]),
            holder=str(spec.get("holderIdentity") or ""),
            duration=float(spec.get("leaseDurationSeconds") or 0),
            acquired=str(spec.get("acquireTime") or ""),
            transitions=int(spec.get("leaseTransitions") or 0),
        )


class Elector:
    """One candidate."""

    def __init__(
        self,
        *,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        timing: Timing,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._timing = timing
        self._clock = clock
        self._now = now
        self._uniform = uniform
        self._seen: Record | None = None
        self._seen_at = 0.0
        self._renewed_at = float("-inf")
        self._leads = False
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why nothing can be known or written of the Lease: a permission is missing, say."""
        return self._trouble

    @property
    def is_leader(self) -> bool:
        """Whether we may work."""
        return self._leads

    @property
    def holder(self) -> str:
        """Who led when we last looked, "" if nobody did."""
        return self._seen.holder if self._seen else ""

    async def campaign(self) -> None:
        """Try until we lead."""
        told: str | None = None
        while not await self.attempt():
            if told != self.holder and not self._trouble:
                told = self.holder
                logger.info("standing by: %s leads", told or "nobody")
            await asyncio.sleep(self._timing.retry * self._uniform(1.0, JITTER))
        logger.info("leading as %s", self._identity)

    async def keep(self) -> None:
        """Renew until that has not worked for too long, or somebody else holds the Lease."""
        while self._leads:
            await asyncio.sleep(self._timing.retry)
            left = self._renewed_at + self._timing.renew_deadline - self._clock()
            try:
                renewed = await asyncio.wait_for(self.attempt(), max(left, 0.0))
            except TimeoutError:
                renewed = False
            if not renewed and (self._is_others() or self._is_overdue()):
                self._leads = False
        logger.error("leadership lost to %s", self.holder or "nobody: the Lease was not renewed")

    async def release(self) -> None:
        """Let somebody else lead at once; best effort, for the Lease ends by itself."""
        if not self._leads or self._seen is None:
            return
        self._leads = False
        try:
            await self._write(self._seen, holder="", duration=1)
        except ClusterError as error:
            logger.warning("the Lease was not released and ends by itself: %s", error)

    async def attempt(self) -> bool:
        """Try once to take or renew the Lease. Whether it is ours now."""
        try:
            leads = await self._take_or_renew()
        except ClusterError as error:
            self._note_trouble(error)
            return False
        self._trouble = ""
        return leads

    def _note_trouble(self, error: ClusterError) -> None:
        """Warn once of what the API server refuses; that it is away will pass."""
        logger.debug("no attempt at the Lease: %s", error)
        if not isinstance(error, Refused):
            return
        trouble = f"cannot hold the Lease {self._name} in {self._namespace}: {error}"
        if trouble != self._trouble:
            logger.warning("%s", trouble)
        self._trouble = trouble

    async def _take_or_renew(self) -> bool:
        known = self._seen if self._leads and self._seen else await self._read()
        if self._belongs_to_another(known):
            return False
        try:
            await self._write(known, holder=self._identity, duration=self._timing.lease)
        except Conflict:
            await self._read()
            return False
        self._leads = True
        self._renewed_at = self._clock()
        return True

    async def _read(self) -> Record:
        try:
            body = await self._client.get(LEASES, namespace=self._namespace, name=self._name)
        except NotFound:
            return self._note(Record(version=""))
        return self._note(Record.of(body))

    async def _write(self, known: Record, *, holder: str, duration: float) -> None:
        body = await self._client.apply(
            LEASES,
            namespace=self._namespace,
            name=self._name,
            body=encode(self._manifest(known, holder=holder, duration=duration)),
            force=True,
        )
        self._note(Record.of(body))

    def _manifest(self, known: Record, *, holder: str, duration: float) -> dict[str, Any]:
        moment = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changes_hands = holder not in ("", known.holder)
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {
                "name": self._name,
                "namespace": self._namespace,
                "resourceVersion": known.version or _MATCHES_NOTHING,
            },
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": max(1, round(duration)),
                "acquireTime": moment if changes_hands or not known.acquired else known.acquired,
                "renewTime": moment,
                "leaseTransitions": known.transitions + int(changes_hands and bool(known.version)),
            },
        }

    def _note(self, record: Record) -> Record:
        if record != self._seen:
            self._seen, self._seen_at = record, self._clock()
        return record

    def _belongs_to_another(self, record: Record) -> bool:
        if record.holder in ("", self._identity):
            return False
        return self._clock() < self._seen_at + record.duration

    def _is_others(self) -> bool:
        return self.holder != self._identity

    def _is_overdue(self) -> bool:
        return self._clock() >= self._renewed_at + self._timing.renew_deadline
