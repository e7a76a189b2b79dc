"""`cosmos3-operator render`: the exact children, without a cluster, by the operator's own code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import yaml

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.resource import Resource, parse
from cosmos3_operator.cli.deployments import (
    Deployments,
    Name,
    deployments_option,
    read_deployments,
)
from cosmos3_operator.cli.files import Document, file_option, read_resources
from cosmos3_operator.cli.nodes import nodes_option, read_nodes
from cosmos3_operator.cli.options import preflight_image_option
from cosmos3_operator.manifests.render import render as render_plan
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.settings import DEFAULTS, Settings
from cosmos3_operator.plan.types import Owner, Plan

NO_UID = "00000000-0000-0000-0000-000000000000"
"""Stands for the uid that only a cluster gives."""
_NONE: Deployments = {}


@click.command()
@file_option
@click.option("-n", "--namespace", help="Namespace of resources that name none.")
@nodes_option
@deployments_option
@preflight_image_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Documents of YAML, or one List as JSON.",
)
def render(
    filenames: tuple[str, ...],
    namespace: str | None,
    nodes: Path | None,
    deployments: Path | None,
    preflight_image: str,
    output: str,
) -> None:
    """Print the exact objects that the operator would create, without a cluster.

    Only the owner's uid is a placeholder, unless the file has it. The runtime is the one noted on
    the Deployment of --deployments. Without it, it is what a new resource gets: where
    spec.runtime.cuda is Auto, the image follows the drivers of --nodes, if given.
    """
    plans, errors = plan_all(
        read_resources(filenames),
        namespace=namespace,
        facts=read_nodes(nodes) if nodes else Facts(),
        settings=Settings(preflight_image=preflight_image),
        deployments=read_deployments(deployments),
    )
    stop_on(errors)
    objects = [child for _, made in plans for child in objects_of(made)]
    click.echo(to_json(objects) if output == "json" else to_yaml(objects), nl=False)


def plan_all(
    documents: Iterable[Document],
    *,
    namespace: str | None,
    facts: Facts,
    settings: Settings = DEFAULTS,
    deployments: Deployments = _NONE,
) -> tuple[list[tuple[Document, Plan]], list[str]]:
    """Return a plan for each document that can be served, and the errors of the others."""
    plans: list[tuple[Document, Plan]] = []
    errors: list[str] = []
    for document in documents:
        try:
            resource = parse(completed(document.body, namespace=namespace))
            own = replace(facts, deployment=deployments.get(_name_of_deployment(resource)))
            plans.append((document, make_plan(resource, own, settings=settings)))
        except Invalid as error:
            errors += error_lines(document, error)
    return plans, errors


def objects_of(plan: Plan) -> list[dict[str, Any]]:
    """Return what would be applied: a Deployment whose runtime is not known stays as it is."""
    children = render_plan(plan)
    return [child for child in children if plan.runtime.is_known or child["kind"] != "Deployment"]


def _name_of_deployment(resource: Resource) -> Name:
    owner = Owner(
        kind=resource.kind, namespace=resource.namespace, name=resource.name, uid=resource.uid
    )
    return Name(owner.namespace, owner.base)


def error_lines(document: Document, error: Invalid) -> list[str]:
    """Return one line for each thing that is wrong: FILE: kind/name: field.path: message."""
    return [f"{document.origin}: {document.label}: {found}" for found in error.errors]


def stop_on(errors: list[str]) -> None:
    """Print errors, if there are any, and exit with 1."""
    for line in errors:
        click.echo(line, err=True)
    if errors:
        raise click.exceptions.Exit(1)


def completed(body: Mapping[str, Any], *, namespace: str | None) -> dict[str, Any]:
    """Return a body with what a cluster adds: namespace, uid and generation."""
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping):
        metadata = {}
    added = {"uid": NO_UID} | ({"namespace": namespace} if namespace else {})
    return {**body, "metadata": {**added, **metadata, "generation": 1}}


def to_json(objects: list[dict[str, Any]]) -> str:
    """Return one List."""
    whole = {"apiVersion": "v1", "kind": "List", "items": objects}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def to_yaml(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return YAML documents, readable: keys in their order, long texts as blocks."""
    return yaml.dump_all(
        objects,
        Dumper=_Dumper,
        sort_keys=False,
        explicit_start=True,
        allow_unicode=True,
        width=4096,
        default_flow_style=False,
    )


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and repeats a value rather than refer to it."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True: manifests have no anchors."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
