"""`cosmos3-operator crds`: the CustomResourceDefinitions, printed or written."""

from __future__ import annotations

from pathlib import Path

import click

from cosmos3_operator.api.crds import crd_files


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write one file for each kind into this folder.",
)
def crds(output: Path | None) -> None:
    """Print the CustomResourceDefinitions, or write them to files."""
    files = crd_files()
    if output is None:
        click.echo("---\n".join(files.values()), nl=False)
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (output / name).write_text(text, "utf-8")
            click.echo(output / name)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
