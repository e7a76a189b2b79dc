"""The operator of another release: the same program with another catalog, run as a process.

In: what `cosmos3-operator run` takes and tests need, and what the catalog has instead. Out: an
operator, until it is told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

# The package is found by the interpreter; the tests beside it are not, since this is a script.
sys.path.insert(0, str(Path(__file__).parents[1]))

from cosmos3_operator.catalog.load import Catalog, load
from cosmos3_operator.catalog.types import Surface
from cosmos3_operator.cli.run import Options, operate, pipeline
from cosmos3_operator.cluster.kubeconfig import find_access
from cosmos3_operator.plan.settings import Settings
from cosmos3_operator.serve import logs
from support.catalogs import with_default, without


def catalog_of(asked: argparse.Namespace) -> Catalog:
    """Return the catalog of that release."""
    catalog = load()
    for default in asked.default:
        surface, _, runtime = default.partition("=")
        catalog = with_default(catalog, Surface(surface), runtime)
    for runtime in asked.without:
        catalog = without(catalog, runtime)
    return catalog


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--log-format", choices=("json", "text"), default="text")
    parser.add_argument("--preflight-image", default="")
    parser.add_argument("--default", action="append", default=[], metavar="SURFACE=ENGINE/NAME")
    parser.add_argument("--without", action="append", default=[], metavar="ENGINE/NAME")
    asked = parser.parse_args()
    logs.configure(level="info", log_format=asked.log_format)
    host, _, port = asked.listen.rpartition(":")
    settings = Settings(preflight_image=asked.preflight_image)
    asyncio.run(
        operate(
            Options(host=host, port=int(port)),
            access=find_access(kubeconfig=asked.kubeconfig, context=None, environ=os.environ),
            pipeline=pipeline(settings, catalog=catalog_of(asked)),
        )
    )


if __name__ == "__main__":
    main()
