"""The commands that make what is handed out, by their names on the command line.

In: the options. Out: what was made, to be printed.
"""

from __future__ import annotations

import argparse

from gotools.find import find
from release import chart
from release import dist as everything
from release import sbom as contents
from release.prepare import check
from release.programs import commit_time


def dist(options: argparse.Namespace) -> str:
    """Make everything; return the files, one a line."""
    check(options.root)
    image = _image(options)
    made = everything.build(options.root, options.out, image=image, helm=find("helm"))
    return "\n".join(map(str, made))


def package(options: argparse.Namespace) -> str:
    """Make the chart; return its file."""
    options.out.mkdir(parents=True, exist_ok=True)
    image, time, helm = _image(options), commit_time(options.root), find("helm")
    return str(chart.package(options.root, options.out, image=image, helm=helm, time=time))


def sbom(options: argparse.Namespace) -> str:
    """Return the document."""
    return contents.document(options.root, commit_time(options.root)).rstrip("\n")


def _image(options: argparse.Namespace) -> chart.Image:
    return chart.Image(registry=options.registry, digest=options.digest)
