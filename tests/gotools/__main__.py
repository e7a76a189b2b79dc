"""Brings every program and file, so that the tests find them: ``python -m gotools [NAME …]``."""

from __future__ import annotations

import sys

from bed.errors import BedError
from bed.progress import to_stderr
from gotools.files import file_sets, find_files
from gotools.find import find, programs


def main(names: list[str]) -> int:
    """Bring what is named, or all, and print where it is."""
    try:
        for name in names or (*programs(), *file_sets()):
            bring = find_files if name in file_sets() else find
            print(f"{name:<16} {bring(name, to_stderr)}")
    except BedError as error:
        to_stderr(f"gotools: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
