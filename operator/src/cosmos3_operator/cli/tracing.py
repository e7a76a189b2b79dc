"""The option `--tracing`: nothing, or spans for an OpenTelemetry collector.

In: the option. Out: a tracer, closed at the end. The packages are an extra, imported only if asked
for: they bring threads and memory that most clusters have no use for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

import click

from cosmos3_operator import __version__
from cosmos3_operator.cluster.trace import NO_TRACER, Tracer

MODULE = "cosmos3_operator.serve.tracing"
INSTALL = "pip install 'cosmos3-operator[tracing]'"

tracing_option = click.option(
    "--tracing",
    type=click.Choice(["none", "otlp"]),
    default="none",
    show_default=True,
    help="otlp: send spans as the variables OTEL_EXPORTER_OTLP_* say (extra: tracing).",
)


@contextmanager
def traced(to: str, *, load: Callable[[str], ModuleType] = import_module) -> Iterator[Tracer]:
    """Yield the tracer that is asked for, and send what is left at the end."""
    if to == "none":
        yield NO_TRACER
        return
    try:
        module = load(MODULE)
    except ImportError as error:
        raise click.ClickException(
            f"--tracing {to} needs packages that are not installed ({error.name}): {INSTALL},"
            " or leave the option out"
        ) from error
    tracer = module.otlp(version=__version__)
    try:
        yield tracer
    finally:
        tracer.close()
