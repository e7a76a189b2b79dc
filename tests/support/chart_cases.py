"""The main value sets of the chart: folders of tests/chart/golden, each with values and renders.

values.yaml     what a user writes; its first line says who that is
rendered.yaml   what `helm template` makes of it. What is copied from files of the chart is named
                and not printed: schemas of CRDs, dashboards, rules
notes.txt       what Helm says after the installation

`make golden` rewrites the last two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from support.repository import ROOT

FOLDER = ROOT / "tests" / "chart" / "golden"
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def values_of(case: str) -> dict[str, Any]:
    """Return the values of a case."""
    found: dict[str, Any] = yaml.safe_load(values_file(case).read_text("utf-8"))
    return found


def values_file(case: str) -> Path:
    """Return the file that Helm is given."""
    return FOLDER / case / "values.yaml"
