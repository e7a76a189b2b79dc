"""Writes the chart's schema and README: ``python -m chart_values``; with --check only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jinja2
import yaml

from chart_values.readme import table
from chart_values.schema import schema
from chart_values.values import read
from freshness import bring_up_to_date

DOCS = Path(__file__).resolve().parents[1]
CHART = DOCS.parent / "charts" / "cosmos3-operator"


def files(chart: Path = CHART) -> dict[Path, str]:
    """Return the text of both files."""
    sections = read((chart / "values.yaml").read_text("utf-8"))
    about = yaml.safe_load((chart / "Chart.yaml").read_text("utf-8"))
    made = schema(sections, title=f"Values of the chart {about['name']}")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, escaped where it must be
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page = environment.get_template("chart.md.j2")
    return {
        chart / "values.schema.json": json.dumps(made, indent=2, ensure_ascii=False) + "\n",
        chart / "README.md": page.render(chart=about, tables=[table(one) for one in sections]),
    }


def main() -> int:
    """Write them, or compare them."""
    return bring_up_to_date(files(), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
