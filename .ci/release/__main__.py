"""The commands of a release: ``python -m release prepare 0.2.0``; `make` calls them."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from bed.errors import BedError
from gotools.find import find
from release import chart, dist, sbom
from release.errors import ReleaseError
from release.prepare import check, prepare
from release.programs import commit_time

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Do what the command line asks for."""
    options = _parser().parse_args()
    try:
        print(COMMANDS[options.command](options), end="\n")
    except (ReleaseError, BedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _prepare(options: argparse.Namespace) -> str:
    return prepare(ROOT, options.version, datetime.now(UTC).date())


def _check(options: argparse.Namespace) -> str:
    return check(ROOT, options.tag)


def _dist(options: argparse.Namespace) -> str:
    check(ROOT)
    made = dist.build(ROOT, options.out, image=_image(options), helm=find("helm"))
    return "\n".join(map(str, made))


def _package(options: argparse.Namespace) -> str:
    options.out.mkdir(parents=True, exist_ok=True)
    image, time = _image(options), commit_time(ROOT)
    return str(chart.package(ROOT, options.out, image=image, helm=find("helm"), time=time))


def _sbom(options: argparse.Namespace) -> str:
    return sbom.document(ROOT, commit_time(ROOT)).rstrip("\n")


def _image(options: argparse.Namespace) -> chart.Image:
    return chart.Image(registry=options.registry, digest=options.digest)


COMMANDS = {
    "prepare": _prepare,
    "check": _check,
    "dist": _dist,
    "package": _package,
    "sbom": _sbom,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="release", description="docs/releasing.md explains them.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="write a version into the checkout").add_argument("version")
    checking = commands.add_parser("check", help="print the version if all places agree on it")
    checking.add_argument("--tag", default="", help="the git tag that must name it")
    commands.add_parser("sbom", help="print the CycloneDX document of the operator")
    for name, words in (
        ("dist", "make all that is handed out"),
        ("package", "make the chart only"),
    ):
        making = commands.add_parser(name, help=words)
        making.add_argument("--registry", required=True, help="where the image lies: HOST/FOLDER")
        making.add_argument("--digest", default="", help="the image's digest, sha256:…")
        making.add_argument("--out", type=Path, default=ROOT / "dist")
    return parser


if __name__ == "__main__":
    sys.exit(main())
