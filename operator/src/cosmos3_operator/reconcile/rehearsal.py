"""A client whose writes are dry runs: what the loop would do, judged by the API server itself.

In: the requests of the loop. Out: the same answers as if they had been carried out, and a record of
each write: what was live before and what it would be. Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.requests import Request
from cosmos3_operator.reconcile.kinds import CHILDREN
from cosmos3_operator.status.observe import ChildRef


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """A write that was not carried out."""

    request: Request
    answer: Mapping[str, Any]
    """The object as it would be; of a delete, whatever the API server says."""

    @property
    def child(self) -> ChildRef | None:
        """The child that it is about; None if it is about a status."""
        place, _, _ = self.request.path.partition("?")
        kinds = {child.plural: kind for kind, child in CHILDREN.items()}
        kind = kinds.get(self.request.resource)
        return ChildRef(kind, place.rpartition("/")[2]) if kind else None

    @property
    def is_delete(self) -> bool:
        """Whether the object would go."""
        return self.request.method == "DELETE"


class RehearsingClient(Client):
    """Reads as any client does; never writes."""

    def __init__(self, *, session: aiohttp.ClientSession, server: str, manager: str) -> None:
        super().__init__(session=session, server=server, manager=manager)
        self._rehearsed: list[Rehearsed] = []

    def taken(self) -> list[Rehearsed]:
        """Return the writes since the last time."""
        found, self._rehearsed = self._rehearsed, []
        return found

    async def send(self, request: Request) -> Any:
        """Send a read as it is, and a write as a dry run."""
        if request.method == "GET":
            return await super().send(request)
        mark = "&" if "?" in request.path else "?"
        answer = await super().send(replace(request, path=f"{request.path}{mark}dryRun=All"))
        self._rehearsed.append(Rehearsed(request=request, answer=answer))
        return answer
