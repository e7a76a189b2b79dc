"""Overhear what kopf asks the API server: which watches run, which are refused, when a list ends.

In: traces of kopf's own HTTP session. Out: `Watches`, the truth behind readiness. kopf retries a
forbidden watch in silence for a while and keeps the end of a list to itself; the requests tell
both. A list ends where the watch on the same collection begins.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import aiohttp
from yarl import URL

from cosmos3_operator.watch.relist import Relists
from cosmos3_operator.watch.scope import Scope, scopes_by_path

logger = logging.getLogger(__name__)

OnRequest = Callable[[str, str, int, float], None]
NOT_YET = "not watched yet"


class Watches:
    """The state of each watch that we need."""

    def __init__(
        self, namespaces: Sequence[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._scopes = tuple(scopes_by_path(namespaces).values())
        self._clock = clock
        self._troubles: dict[Scope, str] = dict.fromkeys(self._scopes, NOT_YET)
        self._down_since: dict[Scope, float] = dict.fromkeys(self._scopes, clock())
        self._all_started = asyncio.Event()

    def begin(self) -> None:
        """Note that watching begins now: nothing has been down for longer."""
        self._down_since = dict.fromkeys(self._troubles, self._clock())

    async def wait_until_started(self) -> None:
        """Wait until every list has been read once."""
        await self._all_started.wait()

    def started(self, scope: Scope) -> None:
        """Note that a watch runs."""
        self._down_since.pop(scope, None)
        if self._troubles.pop(scope, NOT_YET) != NOT_YET:
            logger.info("watching %s again", scope)
        if not self._troubles:
            self._all_started.set()

    def failed(self, scope: Scope, trouble: str) -> None:
        """Note that a list or watch did not work, and say so once."""
        if self._troubles.get(scope) != trouble:
            logger.warning("cannot watch %s: %s", scope, trouble)
        self._is_down(scope, trouble)

    def all_down(self, trouble: str) -> None:
        """Note that nothing is watched."""
        for scope in self._scopes:
            known = self._troubles.get(scope, NOT_YET)
            # What is wrong with this one tells more than that all had to stop for it.
            self._is_down(scope, trouble if known == NOT_YET else known)

    def _is_down(self, scope: Scope, trouble: str) -> None:
        self._troubles[scope] = trouble
        self._down_since.setdefault(scope, self._clock())

    def troubles(self) -> list[str]:
        """Return what is not watched and why; empty if all is well."""
        return sorted(f"{scope}: {trouble}" for scope, trouble in self._troubles.items())

    def down_seconds(self) -> dict[str, float]:
        """Return how long each kind has not been watched everywhere, by plural; 0 if it is."""
        now = self._clock()
        found: dict[str, float] = {}
        for scope in self._scopes:
            age = now - self._down_since.get(scope, now)
            found[scope.plural] = max(age, found.get(scope.plural, 0.0))
        return found

    def up(self) -> dict[str, bool]:
        """Return whether each kind is watched everywhere, by plural."""
        down = {scope.plural for scope in self._troubles}
        return {scope.plural: scope.plural not in down for scope in self._scopes}


class Traffic:
    """Follows kopf's requests on the collections that we watch."""

    def __init__(
        self,
        *,
        watches: Watches,
        relists: Relists,
        namespaces: Sequence[str],
        on_request: OnRequest,
    ) -> None:
        self._watches = watches
        self._relists = relists
        self._scopes = scopes_by_path(namespaces)
        self._on_request = on_request
        self._discovery_trouble = ""

    def trace(self) -> aiohttp.TraceConfig:
        """Make the listener of one session."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._on_start)
        trace.on_request_end.append(self._on_end)
        trace.on_request_exception.append(self._on_exception)
        return trace

    async def _on_start(
        self,
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        context.started = asyncio.get_running_loop().time()
        scope = self._scopes.get(params.url.path)
        if scope and not is_watch(params.url) and "continue" not in params.url.query:
            self._relists.begin(scope)

    async def _on_end(
        self,
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        status = params.response.status
        self._count(params.url, context, status)
        scope = self._scopes.get(params.url.path)
        trouble = _trouble(params.url, status) if status >= 400 else ""
        if scope is None:
            self._discovery(trouble, params.url)
        elif trouble:
            self._watches.failed(scope, trouble)
        elif is_watch(params.url):
            self._relists.end(scope)
            self._watches.started(scope)

    async def _on_exception(
        self,
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        self._count(params.url, context, 0)
        if isinstance(params.exception, asyncio.CancelledError):
            return
        scope = self._scopes.get(params.url.path)
        trouble = f"no answer ({type(params.exception).__name__})"
        if scope is None:
            self._discovery(trouble, params.url)
        else:
            self._watches.failed(scope, trouble)

    def _discovery(self, trouble: str, url: URL) -> None:
        # A missing group is no trouble: its definitions are not installed yet.
        if trouble and trouble != self._discovery_trouble and "404" not in trouble:
            logger.warning("cannot read %s: %s", url.path, trouble)
        self._discovery_trouble = trouble

    def _count(self, url: URL, context: SimpleNamespace, code: int) -> None:
        verb = "watch" if is_watch(url) else "get"
        seconds = asyncio.get_running_loop().time() - context.started
        scope = self._scopes.get(url.path)
        if scope is None:
            self._on_request(verb, "discovery", code, seconds)
        else:
            verb = "watch" if is_watch(url) else "list"
            self._on_request(verb, url.path.rpartition("/")[2], code, seconds)


def is_watch(url: URL) -> bool:
    """Whether the request asks for a stream of events."""
    return url.query.get("watch") == "true"


def _trouble(url: URL, status: int) -> str:
    if status != 403:
        return f"the API server answers {status}"
    verb = "watch" if is_watch(url) else "list"
    return f"the API server answers 403: the operator's role must allow {verb}"
