"""Brings the programs, so that the tests find them: ``python -m prom``."""

from __future__ import annotations

import sys

from bed.progress import to_stderr
from prom.binaries import NAMES, find
from prom.errors import PromError


def main() -> int:
    """Bring both programs and print where they are."""
    try:
        for name in NAMES:
            print(f"{name:<12} {find(name, to_stderr)}")
    except PromError as error:
        to_stderr(f"prom: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
