"""Live Deployments from a file, for commands that work without a cluster.

In: `--deployments FILE`, as kubectl prints them. Out: what each says of the runtime that was
decided on, by namespace and name, by the operator's own reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import click

from cosmos3_operator.cli.files import F, Unreadable, read_documents
from cosmos3_operator.plan.facts import LiveDeployment


class Name(NamedTuple):
    """What names a Deployment."""

    namespace: str
    name: str


Deployments = Mapping[Name, LiveDeployment]


def deployments_option(command: F) -> F:
    """Add `--deployments`."""
    return click.option(
        "--deployments",
        type=click.Path(path_type=Path, allow_dash=True),
        metavar="FILE",
        help="Deployments that serve already: the output of `kubectl get deployments -o yaml`. "
        "The runtime noted on them is kept, as the operator keeps it.",
    )(command)


def read_deployments(path: Path | None) -> Deployments:
    """Return the Deployments that a file holds; none without a file."""
    # Imported here: only this option needs to know how live objects are read.
    from cosmos3_operator.reconcile.live import live_deployment  # noqa: PLC0415

    found: dict[Name, LiveDeployment] = {}
    for document in read_documents([str(path)] if path else ()):
        if document.body.get("kind") != "Deployment":
            raise Unreadable(f"{document.origin}: {document.label} is no Deployment")
        try:
            metadata = document.body["metadata"]
            name = Name(str(metadata.get("namespace") or "default"), str(metadata["name"]))
            found[name] = live_deployment(document.body)
        except (AttributeError, KeyError, TypeError) as error:
            raise Unreadable(
                f"{document.origin}: {document.label} is not as kubectl prints it ({error!r})"
            ) from error
    return found
