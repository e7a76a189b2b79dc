"""`cosmos3-operator runtimes`: the catalog's model servers, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Runtime

HEAD = ("VERSION", "ENGINE", "SERVES", "CUDA", "GUARDRAILS", "IMAGE")


@click.command()
def runtimes() -> None:
    """List the model servers that the catalog knows, to be named in spec.runtime.version.

    A star marks what is used where nothing is named. The columns say what each serves and obeys.
    """
    for line in table([HEAD, *map(_row, load().runtimes)]):
        click.echo(line)


def table(rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Return rows as lines with aligned columns."""
    rows = tuple(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(runtime: Runtime) -> tuple[str, ...]:
    serves = (f"{s}{'*' if s in runtime.default_for else ''}" for s in runtime.surfaces)
    cuda = sorted({runtime.cuda, *runtime.cuda_tags}, reverse=True)
    return (
        runtime.name,
        runtime.label,
        ", ".join(serves),
        ", ".join(cuda),
        {"Flag": "flag", "DeployConfig": "deploy config", "": "-"}[runtime.guardrails],
        "your own" if runtime.needs_own_image else f"{runtime.repository}:{runtime.tag}",
    )
