"""Who may work: without election everybody, with it the one that holds the Lease.

In: the options of `run`. Out: `Leadership`, whose `lost` ends the process: a process that may have
been replaced must not go on, and starting again is the surest way to forget what it thought.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import click

from cosmos3_operator.cli.files import F
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import ClusterError
from cosmos3_operator.cluster.lease import Elector, Timing

SHORTEST_LEASE = 2.0
"""Below that, an ordinary slow answer of an API server would cost the leadership."""


class LeadershipLost(ClusterError):  # noqa: N818 - it says what is the matter
    """Somebody else may work now."""


@dataclass(frozen=True, kw_only=True)
class LeadershipOptions:
    """What the command line says."""

    elect: bool = False
    namespace: str = ""
    """Where the Lease is; "" for our own."""
    name: str = "cosmos3-operator"
    seconds: float = Timing().lease


class Leadership:
    """The right to work."""

    def __init__(self, elector: Elector | None) -> None:
        self._elector = elector

    @property
    def is_leader(self) -> bool:
        """Whether this process works."""
        return self._elector is None or self._elector.is_leader

    def troubles(self) -> list[str]:
        """Say why this process cannot even stand by."""
        return [self._elector.trouble] if self._elector and self._elector.trouble else []

    async def gained(self, stop: asyncio.Event) -> bool:
        """Wait until we may work. False if told to stop before."""
        if self._elector is None:
            return True
        campaign = asyncio.create_task(self._elector.campaign(), name="election")
        stopping = asyncio.create_task(stop.wait(), name="stop waiter")
        await asyncio.wait({campaign, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (campaign, stopping):
            task.cancel()
        await asyncio.gather(campaign, stopping, return_exceptions=True)
        return self._elector.is_leader

    async def lost(self) -> None:
        """Wait until we may work no more; without election, for ever."""
        if self._elector is None:
            await asyncio.Event().wait()
        else:
            await self._elector.keep()

    async def release(self) -> None:
        """Hand over at once."""
        if self._elector is not None:
            await self._elector.release()


def leadership(options: LeadershipOptions, *, client: Client, namespace: str) -> Leadership:
    """Join the election, if there is one."""
    if not options.elect:
        return Leadership(None)
    return Leadership(
        Elector(
            client=client,
            namespace=options.namespace or namespace,
            name=options.name,
            identity=f"{socket.gethostname()}_{uuid4()}",
            timing=Timing(lease=options.seconds),
            clock=time.monotonic,
        )
    )


def leadership_options(command: F) -> F:
    """Add the options of the election to a command."""
    defaults = LeadershipOptions()
    decorators: tuple[Callable[[F], F], ...] = (
        click.option(
            "--leader-elect/--no-leader-elect",
            "elect",
            default=defaults.elect,
            show_default=True,
            help="Work only while holding a Lease, so that several replicas can stand by.",
        ),
        click.option(
            "--leader-elect-namespace",
            "lease_namespace",
            default="",
            help="Namespace of the Lease; default: the operator's own.",
        ),
        click.option(
            "--leader-elect-name",
            "lease_name",
            default=defaults.name,
            show_default=True,
            help="Name of the Lease: one for each set of namespaces.",
        ),
        click.option(
            "--leader-elect-seconds",
            "lease_seconds",
            type=click.FloatRange(min=SHORTEST_LEASE),
            default=defaults.seconds,
            show_default=True,
            help="How long a Lease is good for; a leader that cannot renew it for two thirds of "
            "that ends.",
        ),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command
