"""Brings the programs, so that the tests find them: ``python -m prom``.

``python -m prom draw --out docs/img`` draws the dashboards with them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bed.progress import to_stderr
from prom.binaries import NAMES, find
from prom.errors import PromError


def main() -> int:
    """Bring both programs and print where they are, or print what was drawn."""
    try:
        return _run(_arguments())
    except PromError as error:
        to_stderr(f"prom: {error}")
        return 1


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "draw":
        return _draw(arguments.out)
    for name in NAMES:
        print(f"{name:<12} {find(name, to_stderr)}")
    return 0


def _draw(out: Path) -> int:
    from prom.draw import draw  # noqa: PLC0415 - needs what only who draws has installed

    for path in draw(out):
        print(path)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m prom", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    draws = commands.add_parser("draw", help="draw the dashboards (needs matplotlib)")
    draws.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
