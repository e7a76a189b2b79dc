"""Writes the chart's dashboards: ``python -m dashboards``; with --check it only compares them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dashboards.model import read, render
from freshness import bring_up_to_date

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
    return bring_up_to_date(files(), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
