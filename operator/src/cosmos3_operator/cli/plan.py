"""`cosmos3-operator plan`: what would run, on how many GPUs, and why."""

from __future__ import annotations

from pathlib import Path

import click

from cosmos3_operator.cli.deployments import deployments_option, read_deployments
from cosmos3_operator.cli.files import file_option, read_resources
from cosmos3_operator.cli.nodes import nodes_option, read_nodes
from cosmos3_operator.cli.options import preflight_image_option
from cosmos3_operator.cli.render import plan_all, stop_on
from cosmos3_operator.plan.explain import explain
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.settings import Settings


@click.command()
@file_option
@click.option("-n", "--namespace", help="Namespace of resources that name none.")
@preflight_image_option
@nodes_option
@deployments_option
def plan(
    filenames: tuple[str, ...],
    namespace: str | None,
    preflight_image: str,
    nodes: Path | None,
    deployments: Path | None,
) -> None:
    """Explain what would run, on how many GPUs, and why.

    Shows the arithmetic behind the GPU split, image, guardrails, volumes and time limits, and
    what may surprise you.
    """
    plans, errors = plan_all(
        read_resources(filenames),
        namespace=namespace,
        facts=read_nodes(nodes) if nodes else Facts(),
        settings=Settings(preflight_image=preflight_image),
        deployments=read_deployments(deployments),
    )
    click.echo("\n\n\n".join(explain(made) for _, made in plans), nl=bool(plans))
    stop_on(errors)
