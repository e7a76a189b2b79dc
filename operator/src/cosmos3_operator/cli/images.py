"""`cosmos3-operator images`: what a mirror must hold, for all of the catalog or for some resources.

In: nothing, or resources; the operator's own image by option, since no program knows where it was
pulled from. Out: one image reference a line, as `docker pull`, crane and skopeo take it, or with
`--models` one repository of the Hugging Face hub; as JSON both, and what each is for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from cosmos3_operator.api.resource import parse
from cosmos3_operator.catalog.images import images_of, pullable
from cosmos3_operator.catalog.load import load
from cosmos3_operator.cli.files import Document, read_resources
from cosmos3_operator.cli.nodes import nodes_option, read_nodes
from cosmos3_operator.cli.options import Image, preflight_image_option
from cosmos3_operator.cli.render import completed, plan_all, stop_on
from cosmos3_operator.plan.access import hub_repositories
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.settings import Settings
from cosmos3_operator.plan.types import Plan


class Need(NamedTuple):
    """One thing to mirror, and what needs it."""

    kind: str
    """image or model."""
    name: str
    use: str


@click.command()
@click.option(
    "-f",
    "--filename",
    "filenames",
    multiple=True,
    metavar="FILE",
    help="Only what these resources need; as for validate. Without it, all that the catalog names.",
)
@nodes_option
@click.option(
    "--operator-image",
    type=Image(),
    default="",
    help="The operator's own image, to be listed first.",
)
@preflight_image_option
@click.option(
    "--models",
    is_flag=True,
    help="List the repositories of the Hugging Face hub instead, with a revision if one is named.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="One a line, or all with what they are for.",
)
def images(
    *,
    filenames: tuple[str, ...],
    nodes: Path | None,
    operator_image: str,
    preflight_image: str,
    models: bool,
    output: str,
) -> None:
    """List the images and model repositories to mirror, for clusters without a way out.

    An image is named by its digest where the catalog knows one. Where a resource leaves its CUDA
    line to the operator, the image follows the drivers of --nodes.
    """
    own = {"the operator": operator_image, "preflight Jobs": preflight_image}
    needs = [Need("image", pullable(image), use) for use, image in own.items() if image]
    if filenames:
        facts = read_nodes(nodes) if nodes else Facts()
        needs += _of_resources(read_resources(filenames), facts)
    else:
        needs += _of_catalog()
    wanted = "model" if models else "image"
    listed = _to_json(needs) if output == "json" else _to_text(n for n in needs if n.kind == wanted)
    click.echo(listed, nl=False)


def _of_catalog() -> Iterator[Need]:
    catalog = load()
    for runtime in catalog.runtimes:
        for image in images_of(runtime):
            yield Need("image", pullable(image), runtime.label)
    for checkpoint in catalog.checkpoints:
        yield Need("model", checkpoint.model, checkpoint.title)
    for repository in catalog.guardrails.repositories:
        yield Need("model", repository, "guardrails")


def _of_resources(documents: Iterable[Document], facts: Facts) -> Iterator[Need]:
    plans, errors = plan_all(documents, namespace=None, facts=facts, settings=Settings())
    stop_on(errors)
    for document, plan in plans:
        yield from _of_plan(document, plan)


def _of_plan(document: Document, plan: Plan) -> Iterator[Need]:
    yield Need("image", pullable(plan.runtime.image), document.label)
    spec = parse(completed(document.body, namespace=None)).spec
    for repository in hub_repositories(spec, plan.guardrails, load()):
        yield Need("model", str(repository), document.label)


def _uses(needs: Iterable[Need]) -> dict[str, list[str]]:
    """Return each name once, in its order, with all that need it."""
    found: dict[str, list[str]] = {}
    for need in needs:
        uses = found.setdefault(need.name, [])
        if need.use not in uses:
            uses.append(need.use)
    return found


def _to_text(needs: Iterable[Need]) -> str:
    return "".join(f"{name}\n" for name in _uses(needs))


def _to_json(needs: Iterable[Need]) -> str:
    listed = list(needs)
    whole = {
        f"{kind}s": [
            {"name": name, "usedBy": uses}
            for name, uses in _uses(n for n in listed if n.kind == kind).items()
        ]
        for kind in ("image", "model")
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
