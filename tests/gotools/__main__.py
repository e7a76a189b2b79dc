"""Brings every program, so that the tests find them: ``python -m gotools [NAME …]``."""

from __future__ import annotations

import sys

from bed.errors import BedError
from bed.progress import to_stderr
from gotools.find import find, programs


def main(names: list[str]) -> int:
    """Bring the named programs, or all, and print where they are."""
    try:
        for name in names or programs():
            print(f"{name:<16} {find(name, to_stderr)}")
    except BedError as error:
        to_stderr(f"gotools: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
