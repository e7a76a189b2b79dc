"""Bring generated files up to date, or tell which are stale.

In: the text of each file, and the arguments of the command line. Out: files that differ are written
and named, or, with --check, only named. The exit code is 1 if --check found any.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def bring_up_to_date(files: Mapping[Path, str], arguments: Sequence[str]) -> int:
    """Write what differs, or only compare."""
    stale = {path: text for path, text in files.items() if not _holds(path, text)}
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path} is stale: run 'make docs'\n")
        return 1 if stale else 0
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text
