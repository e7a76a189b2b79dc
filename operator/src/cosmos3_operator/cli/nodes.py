"""GPU nodes from a file, for commands that work without a cluster.

In: `--nodes FILE`, either what kubectl prints or a short list. Out: `Facts`, by the operator's own
reading of nodes. A file that is neither raises `Unreadable`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from cosmos3_operator.cli.files import F, Unreadable, load_all, read_text
from cosmos3_operator.plan.facts import Facts, NodeShape


def nodes_option(command: F) -> F:
    """Add `--nodes`."""
    return click.option(
        "--nodes",
        type=click.Path(path_type=Path, allow_dash=True),
        metavar="FILE",
        help="GPU nodes to place it on: the output of `kubectl get nodes -o yaml`, or a list of "
        "{count, gpus, product, memoryMiB, cuda, compute}.",
    )(command)


def read_nodes(path: Path) -> Facts:
    """Return the nodes that a file describes."""
    origin = str(path)
    text = read_text(origin)
    try:
        return Facts(nodes=_shapes([data for data in load_all(text, origin=origin) if data]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(
            f"{origin}: is neither nodes as `kubectl get nodes -o yaml` prints them nor a list of "
            f"{{count, gpus, product, memoryMiB, cuda, compute}} ({error!r})"
        ) from error


def _shapes(documents: list[Any]) -> tuple[NodeShape, ...]:
    # Imported here: it brings the API client with it, which nothing else in this command needs.
    from cosmos3_operator.reconcile.gather import group, shapes_of  # noqa: PLC0415

    if len(documents) == 1 and isinstance(documents[0], list):
        shapes: Counter[NodeShape] = Counter()
        for entry in documents[0]:
            shapes[_shape(entry)] += int(entry.get("count", 1))
        return group(shapes)
    return shapes_of(_nodes(documents))


def _shape(entry: Mapping[str, Any]) -> NodeShape:
    return NodeShape(
        resource_name=str(entry.get("resource", "nvidia.com/gpu")),
        gpus=int(entry["gpus"]),
        nodes=1,
        product=str(entry.get("product", "")),
        memory_mib=int(entry.get("memoryMiB", 0)),
        cuda_major=int(str(entry.get("cuda", 0)).partition(".")[0]),
        compute_capability=str(entry.get("compute", "")),
    )


def _nodes(documents: Iterable[Any]) -> Iterable[Mapping[str, Any]]:
    for data in documents:
        items = data.get("items", [data])
        for node in items:
            if node["kind"] != "Node":
                raise ValueError(f"kind {node['kind']}")
            yield node
