"""One check after the other against a running server.

In: a server and named checks. Out: an outcome for each; one that fails carries the end of the
server's log, and does not keep the others from being made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bed.progress import Say
from servers.errors import ServerError, tail
from servers.start import Server

Check = Callable[[Server], str]
"""Says what it saw; raises ServerError if that is not what the operator relies on."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one check went."""

    server: str
    check: str
    failed: bool
    detail: str
    seconds: float


def try_all(
    resource: Mapping[str, Any], checks: Mapping[str, Check], *, say: Say
) -> Iterator[Outcome]:
    """Start a server, make all checks, in their order, and end it."""
    began = time.monotonic()
    server = Server(resource, say=say)
    name = f"{server.rendered.engine} {server.rendered.version}"
    try:
        with server:
            ready = f"healthy after {server.ready_after_s:.0f} s, {server.process.memory_mib()} MiB"
            yield _outcome(name, "starts with the rendered command", began, ready)
            for check, make in checks.items():
                yield _try(name, check, make, server)
    except ServerError as error:
        yield _outcome(name, "starts with the rendered command", began, error)


def _try(name: str, check: str, make: Check, server: Server) -> Outcome:
    began = time.monotonic()
    try:
        return _outcome(name, check, began, make(server))
    except Exception as error:
        # An answer of another shape fails this check and not those that follow.
        said = str(error) if isinstance(error, ServerError) else repr(error)
        return _outcome(name, check, began, ServerError(f"{said}\n{tail(server.log)}"))


def _outcome(server: str, check: str, began: float, seen: str | ServerError) -> Outcome:
    return Outcome(
        server=server,
        check=check,
        failed=isinstance(seen, ServerError),
        detail=str(seen),
        seconds=time.monotonic() - began,
    )
