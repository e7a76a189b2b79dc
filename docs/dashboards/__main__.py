"""Writes the chart's dashboards: ``python -m dashboards``; with --check it only compares them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dashboards.model import read, render

DESCRIPTIONS = sorted(Path(__file__).resolve().parent.glob("*.yaml"))
FOLDER = Path(__file__).resolve().parents[2] / "charts" / "cosmos3-operator" / "dashboards"


def files() -> dict[Path, str]:
    """Return the text of every dashboard, by its file."""
    return {
        FOLDER / f"{path.stem}.json": json.dumps(render(read(path)), indent=2) + "\n"
        for path in DESCRIPTIONS
    }


def main() -> int:
    """Write them, or compare them."""
    stale = [path for path, text in files().items() if not _holds(path, text)]
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path} is stale: run 'make docs'\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files()[path], "utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
