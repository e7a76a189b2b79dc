"""`cosmos3-operator diff`: what this version would change in a cluster, and whose pods restart.

In: a cluster with an operator of another version, or none. Out: a table, one resource in a row. The
operator's own loop makes one pass over every resource, and each of its writes is a dry run.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from cosmos3_operator.cli.changes import table
from cosmos3_operator.cli.options import preflight_image_option
from cosmos3_operator.plan.settings import Settings

ERROR = 2


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Kubeconfig file to use.")
@click.option("--context", help="Context of the kubeconfig; default: its current one.")
@click.option(
    "--namespace", "-n", "namespaces", multiple=True, help="Look at this one only; repeatable."
)
@preflight_image_option
def diff(
    kubeconfig: Path | None,
    context: str | None,
    namespaces: tuple[str, ...],
    preflight_image: str,
) -> None:
    """Show what this version would change in a cluster, and whose pods it would restart.

    Nothing is changed: every write is a server-side dry run, and needs the same permission as the
    write. Give --preflight-image as the operator has it. Exit code: 0 if nothing would change, 1 if
    something would, 2 on errors.
    """
    # Imported here: they bring the loop and the API client with them, which --help does not need.
    from cosmos3_operator.cli.rehearse import rehearse  # noqa: PLC0415
    from cosmos3_operator.cluster.errors import ClusterError  # noqa: PLC0415
    from cosmos3_operator.cluster.kubeconfig import find_access  # noqa: PLC0415

    settings = Settings(preflight_image=preflight_image)
    try:
        access = find_access(kubeconfig=kubeconfig, context=context, environ=os.environ)
        rows = asyncio.run(rehearse(access, namespaces=namespaces, settings=settings))
    except ClusterError as error:
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(ERROR) from error
    click.echo("\n".join(table(rows)))
    if any(row.lines for row in rows):
        raise click.exceptions.Exit(1)
