"""Runs kopf inside our own process: we keep the signals, the session and the order of stopping.

In: the feed that takes the events. Out: nothing until `stop` is set. A watch layer that fails (the
API server is away, a CRD was deleted, a permission is missing) is started again with growing
delays, while what is known stays known and readiness says what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import aiohttp
import kopf

from cosmos3_operator.cluster.session import Sessions
from cosmos3_operator.reconcile.kinds import CHILDREN, PODS, RESOURCES
from cosmos3_operator.watch.feed import Feed
from cosmos3_operator.watch.settings import make_settings
from cosmos3_operator.watch.traffic import Traffic, Watches

logger = logging.getLogger(__name__)

IDENTITY = "cosmos3-operator"
"""kopf would ask for the user's name, which fails for a user id that has none."""
KOPF_HOME = str(Path(kopf.__file__).parent)
CANCEL_AGAIN_SECONDS = 5.0
FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0
RESCAN_SECONDS = 30.0
"""In single namespaces, kopf does not see CRDs come: look again."""
RARE_RESCAN_SECONDS = 300.0
"""In the whole cluster it does, unless it may not watch them."""


class Engine:
    """Starts kopf, stops it, and starts it again if it failed."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        feed: Feed,
        watches: Watches,
        traffic: Traffic,
        namespaces: Sequence[str],
        reclaim_signals: Callable[[], None],
    ) -> None:
        self._sessions = sessions
        self._feed = feed
        self._watches = watches
        self._traffic = traffic
        self._namespaces = namespaces
        self._reclaim_signals = reclaim_signals
        self._opened: list[aiohttp.ClientSession] = []
        self._logins = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until told to stop."""
        delay = FIRST_DELAY
        while not stop.is_set():
            began = asyncio.get_running_loop().time()
            try:
                await self._run_once(stop)
            except Exception as error:
                self._watches.all_down(f"the watch layer failed: {type(error).__name__}")
                if asyncio.get_running_loop().time() - began > 2 * LONGEST_DELAY:
                    delay = FIRST_DELAY
                logger.error("watching failed, starts again in %.0f s: %s", delay, error)
                await wait_at_most(stop, delay)
                delay = min(2 * delay, LONGEST_DELAY)
            finally:
                await self._close_sessions()

    async def _run_once(self, stop: asyncio.Event) -> None:
        registry = kopf.OperatorRegistry()
        register(registry, feed=self._feed, login=self._login)
        stop_kopf = asyncio.Event()
        tasks = await kopf.spawn_tasks(
            registry=registry,
            settings=make_settings(self._namespaces),
            identity=cast(Any, IDENTITY),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop_kopf,
        )
        # kopf has just taken SIGTERM and SIGINT for itself.
        self._reclaim_signals()
        stopper = asyncio.create_task(stop.wait(), name="stop waiter")
        try:
            await self._wait(tasks, stopper)
        finally:
            # kopf.run_tasks() is not used: it would cancel every task of the process that is
            # younger than kopf, our running passes among them.
            stop_kopf.set()
            stopper.cancel()
            if any(task.done() for task in tasks):
                # A kopf that fails leaves behind the watchers that did not. They must end first:
                # once the session is closed, they would wait for a login that never comes.
                await end(orphans(among=tasks))
            await end(tasks)
        raise_first(tasks)

    async def _wait(self, tasks: Collection[asyncio.Task[Any]], stopper: asyncio.Task[Any]) -> None:
        while True:
            patience = RESCAN_SECONDS if self._namespaces else RARE_RESCAN_SECONDS
            done, _ = await asyncio.wait(
                {*tasks, stopper},
                timeout=patience if self._watches.troubles() else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if done:
                return
            if self._watches.troubles():
                logger.info("looking again for the resource definitions")
                return

    async def _login(self, **_: Any) -> kopf.AiohttpSession:
        # kopf asks again after every 401: without a pause, a rejected token would be a storm.
        await asyncio.sleep(min(2.0**self._logins - 1.0, LONGEST_DELAY))
        self._logins += 1
        session = self._sessions.open(limit=0, traces=[self._traffic.trace()])
        self._opened.append(session)
        return kopf.AiohttpSession(server=self._sessions.server, aiohttp_session=session)

    async def _close_sessions(self) -> None:
        # kopf closes what it has used; a session it never came to use is still open.
        opened, self._opened = self._opened, []
        self._logins = 0
        for session in opened:
            await session.close()


def register(registry: kopf.OperatorRegistry, *, feed: Feed, login: Any) -> None:
    """Register low-level handlers only: they write nothing and add no finalizer."""
    kopf.on.login(registry=registry, id="login")(login)
    for resources, handler in (
        (RESOURCES.values(), feed.on_resource),
        (CHILDREN.values(), feed.on_child),
        ((PODS,), feed.on_pod),
    ):
        for one in resources:
            kopf.on.event(
                one.group, one.version, one.plural, registry=registry, id=f"on-{one.plural}"
            )(cast(Any, handler))


def orphans(*, among: Collection[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Return kopf's guarded tasks, its watchers, that are not among its root tasks."""
    found = []
    for task in asyncio.all_tasks():
        code = getattr(task.get_coro(), "cr_code", None)
        if code and code.co_name == "guard" and code.co_filename.startswith(KOPF_HOME):
            found.append(task)
    return [task for task in found if task not in among]


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they are gone: while it reconnects, a watcher can swallow a cancel."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)


def raise_first(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Raise the first real error among finished tasks."""
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but not for long."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
