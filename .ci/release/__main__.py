"""The commands of a release: ``python -m release prepare 0.2.0``; `make` calls them."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bed.errors import BedError
from release.errors import ReleaseError
from release.prepare import check, prepare

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Do what the command line asks for."""
    options = _parser().parse_args()
    try:
        print(_command(options.command)(options))
    except (ReleaseError, BedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _command(name: str) -> Callable[[argparse.Namespace], str]:
    if name in QUICK:
        return QUICK[name]
    # What makes things imports the operator and the SBOM's library: the others need not wait.
    found: Callable[[argparse.Namespace], str] = getattr(
        importlib.import_module("release.making"), name
    )
    return found


def _prepare(options: argparse.Namespace) -> str:
    return prepare(ROOT, options.version, datetime.now(UTC).date())


def _check(options: argparse.Namespace) -> str:
    return check(ROOT, options.tag)


QUICK = {"prepare": _prepare, "check": _check}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="release", description="docs/releasing.md explains them.")
    parser.set_defaults(root=ROOT)
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
