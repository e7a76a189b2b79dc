"""`cosmos3-operator check`: whether an account can run the operator, and what is lost if not.

In: the options of `run` on which permissions depend. Out: a line for each check, and an exit code.
It reads and asks; nothing in the cluster is changed.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import click

from cosmos3_operator import __version__
from cosmos3_operator.cli import findings
from cosmos3_operator.cli.findings import Finding, Level
from cosmos3_operator.cluster.access import Access
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import ClusterError
from cosmos3_operator.cluster.kubeconfig import find_access
from cosmos3_operator.cluster.session import Sessions
from cosmos3_operator.reconcile.kinds import MANAGER
from cosmos3_operator.reconcile.permissions import Setup

CONNECTIONS = 8


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Kubeconfig file to use.")
@click.option("--context", help="Context of the kubeconfig; default: its current one.")
@click.option(
    "--namespace", "-n", "namespaces", multiple=True, help="As for `run`: serve this one only."
)
@click.option("--pod-logs/--no-pod-logs", default=True, show_default=True, help="As for `run`.")
@click.option(
    "--leader-elect/--no-leader-elect",
    "elect",
    default=False,
    show_default=True,
    help="As for `run`.",
)
@click.option("--leader-elect-namespace", "lease_namespace", default="", help="As for `run`.")
@click.option(
    "--leader-elect-name",
    "lease_name",
    default="cosmos3-operator",
    show_default=True,
    help="As for `run`.",
)
@click.option(
    "--resources",
    "tries_resources",
    is_flag=True,
    help="Instead of permissions, try whether the smallest resource of each kind is accepted, as a"
    " dry run. This needs `create` on them, which the operator does not.",
)
def check(
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespaces: tuple[str, ...],
    pod_logs: bool,
    elect: bool,
    lease_namespace: str,
    lease_name: str,
    tries_resources: bool,
) -> None:
    """Check that a cluster has the CRDs of this version, and what an account may do there.

    Give it the kubeconfig of the account that is to run the operator, and the options that `run`
    will get. It changes nothing. Exits with 1 if something fails that the operator needs; a warning
    is a permission without which it works and tells less.
    """
    try:
        access = find_access(kubeconfig=kubeconfig, context=context, environ=os.environ)
        setup = Setup(
            namespaces=namespaces,
            pod_logs=pod_logs,
            lease_namespace=(lease_namespace or access.namespace) if elect else "",
            lease_name=lease_name,
        )
        found = asyncio.run(_check(access, setup=setup, tries_resources=tries_resources))
    except ClusterError as error:
        raise click.ClickException(str(error)) from error
    count = Counter(finding.level for finding in found)
    click.echo(
        f"{count[Level.PASS]} passed, {count[Level.WARN]} warned, {count[Level.FAIL]} failed"
    )
    if count[Level.FAIL]:
        raise SystemExit(1)


async def _check(access: Access, *, setup: Setup, tries_resources: bool) -> list[Finding]:
    """Ask everything, print each answer when it comes, and return them all."""
    sessions = Sessions(access, user_agent=f"cosmos3-operator/{__version__}")
    await sessions.prove()
    async with sessions.open(limit=CONNECTIONS) as session:
        client = Client(session=session, server=access.server, manager=MANAGER)
        found = await _told(findings.crds(client))
        if tries_resources:
            namespace = next(iter(setup.namespaces), access.namespace)
            return found + await _told(findings.resources(client, namespace=namespace))
        return found + await _told(findings.permissions(client, setup))


async def _told(coming: AsyncIterator[Finding]) -> list[Finding]:
    found = []
    async for finding in coming:
        click.echo(finding)
        found.append(finding)
    return found
