"""`cosmos3-operator validate`: what the API server and the operator would say, without either.

Schema, rules, unknown fields and the planner's refusals, all of them at once, each with its field.
"""

from __future__ import annotations

import click

from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.api.every import every_error
from cosmos3_operator.api.resource import parse
from cosmos3_operator.api.unknown import unknown_fields
from cosmos3_operator.cli.files import Document, file_option, read_resources
from cosmos3_operator.cli.render import completed, error_lines, stop_on
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.types import Plan


@click.command()
@file_option
def validate(filenames: tuple[str, ...]) -> None:
    """Check files as the API server and the operator would, without a cluster.

    Exits with 1 if anything is wrong and prints every error as FILE: kind/name: field: message;
    with 2 if a file cannot be read. Warnings do not change the exit code.
    """
    errors: list[str] = []
    for document in read_resources(filenames):
        plan, found = check(document)
        if plan is None or found:
            errors += error_lines(document, Invalid(found))
            continue
        click.echo(f"{document.origin}: {document.label}: OK")
        for warning in plan.warnings:
            click.echo(f"{document.origin}: {document.label}: warning: {warning}", err=True)
    stop_on(errors)


def check(document: Document) -> tuple[Plan | None, tuple[FieldError, ...]]:
    """Return the plan, if one can be made, and everything that is wrong."""
    body = completed(document.body, namespace=None)
    unknown = unknown_fields(body)
    try:
        return make_plan(parse(body), Facts()), unknown
    except Invalid as error:
        return None, tuple(sorted({*unknown, *error.errors, *every_error(body)}))
