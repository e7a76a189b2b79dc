"""Options that several commands share."""

from __future__ import annotations

import click
from pydantic import TypeAdapter, ValidationError

from cosmos3_operator.api.fields import Image as ImageField
from cosmos3_operator.cli.files import F


class Image(click.ParamType[str]):
    """An image reference, by the rule for those in a spec."""

    name = "image"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the reference; no image at all is fine."""
        try:
            return TypeAdapter[str](ImageField).validate_python(value) if value else ""
        except ValidationError as error:
            self.fail(f"{value!r} {error.errors()[0]['msg']}", param, ctx)


def preflight_image_option(command: F) -> F:
    """Add --preflight-image to a command."""
    return click.option(
        "--preflight-image",
        type=Image(),
        default="",
        envvar="COSMOS3_PREFLIGHT_IMAGE",
        show_envvar=True,
        help="Image of the Jobs that ask the hub for access before a GPU is taken: any with Python "
        "3.10, such as the operator's own. Without it nobody asks.",
    )(command)
