"""Draws the chart's dashboards as pictures: ``python -m prom draw --out docs/img``.

In: the dashboards as Grafana would load them, and the answers of a real Prometheus to their
queries over an invented day. Out: a PNG for each. Needs matplotlib, as nothing else here does.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dashboards.__main__ import DESCRIPTIONS
from dashboards.model import Dashboard, read, render
from dashboards.queries import filled
from prom.errors import PromError
from prom.paper import Paper, Table
from prom.server import History, Server
from prom.synthetic import fleet, text

ALERTS = Path(__file__).resolve().parents[2] / "charts" / "cosmos3-operator" / "alerts"
MIDNIGHT = 1767225600
"""The beginning of the day, always the same, so that the same code draws the same picture."""
DAY = 24 * 3600
SCRAPE = 60
FINE, COARSE = 300, 900
"""Seconds between points: of lines; of bars, each of which counts what came since the last."""

Json = dict[str, Any]
Row = tuple[str, list[float]]
"""A name and its values, one for each point."""


def draw(out: Path) -> Iterator[Path]:
    """Write a picture of each dashboard, and yield where."""
    with tempfile.TemporaryDirectory() as folder:
        day = History(Path(folder), begin=MIDNIGHT, end=MIDNIGHT + DAY, step=SCRAPE)
        lines = text(fleet(day.begin), begin=day.begin, end=day.end, step=SCRAPE)
        day.fill(lines, sorted(ALERTS.glob("*.yaml")))
        with day.serve() as server:
            for path in DESCRIPTIONS:
                yield _picture(Asker(server, read(path)), out / f"dashboard-{path.stem}.png")


def _picture(asker: Asker, path: Path) -> Path:
    panels = render(asker.dashboard)["panels"]
    paper = Paper(height=max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in panels))
    for panel in panels:
        _DRAWN[panel["type"]](paper, panel, asker)
    path.parent.mkdir(parents=True, exist_ok=True)
    paper.save(path)
    return path


@dataclass(frozen=True)
class Asker:
    """Asks what a dashboard asks."""

    server: Server
    dashboard: Dashboard

    def now(self, target: Json) -> list[Json]:
        """Return the answer at the end of the day."""
        expr = filled(self.dashboard, target["expr"], rate_interval=f"{COARSE}s")
        return self.server.at(expr, moment=MIDNIGHT + DAY)

    def rows(self, target: Json, *, step: int) -> list[tuple[Mapping[str, str], list[float]]]:
        """Return the answers over the day, with nan where there is none."""
        expr = filled(self.dashboard, target["expr"], rate_interval=f"{COARSE}s")
        end = MIDNIGHT + DAY
        found = self.server.over(expr, begin=MIDNIGHT, end=end, step=step)
        return [(one["metric"], _points(one["values"], step)) for one in found]


def _points(values: Sequence[tuple[float, str]], step: int) -> list[float]:
    known = {int(at): float(value) for at, value in values}
    return [known.get(at, float("nan")) for at in range(MIDNIGHT, MIDNIGHT + DAY + 1, step)]


def _legend(target: Json, labels: Mapping[str, str]) -> str:
    form = target["legendFormat"]
    if form == "__auto":
        return ""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match.group(1), ""), form)


def _row(paper: Paper, panel: Json, asker: Asker) -> None:
    del asker
    paper.row(panel["title"], panel["gridPos"])


def _stat(paper: Paper, panel: Json, asker: Asker) -> None:
    values = []
    for target in panel["targets"]:
        found = asker.now(target)
        value = float(found[0]["value"][1]) if found else 0.0
        values.append((_legend(target, {}), value, _colour(panel, value)))
    paper.stat(panel["title"], panel["gridPos"], values, unit=_unit(panel))


def _colour(panel: Json, value: float) -> str:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    found = [one["color"] for one in steps if one["value"] is None or value >= one["value"]]
    return str(found[-1])


def _unit(panel: Json) -> str:
    return str(panel["fieldConfig"]["defaults"]["unit"])


def _table(paper: Paper, panel: Json, asker: Asker) -> None:
    names = panel["transformations"][1]["options"]["renameByName"]
    units = {
        one["matcher"]["options"]: one["properties"][0]["value"]
        for one in panel["fieldConfig"]["overrides"]
    }
    table = Table(default_unit=_unit(panel), units=units)
    for target in panel["targets"]:
        name = names.get(f"Value #{target['refId']}") or names["Value"]
        for one in asker.now(target):
            table.add(name, one["metric"], float(one["value"][1]))
    paper.table(panel["title"], panel["gridPos"], table)


def _heatmap(paper: Paper, panel: Json, asker: Asker) -> None:
    (target,) = panel["targets"]
    found = asker.rows(target, step=COARSE)
    rows = sorted((float(labels["le"]), values) for labels, values in found)
    none = [0.0] * len(rows[0][1])
    upper = [none, *(values for _, values in rows)]
    cells = [
        [_or_zero(b) - _or_zero(a) for a, b in zip(below, above, strict=True)]
        for below, above in pairwise(upper)
    ]
    bounds = [bound for bound, _ in rows]
    paper.heatmap(panel["title"], panel["gridPos"], cells, bounds, unit=_unit(panel))


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _timeseries(paper: Paper, panel: Json, asker: Asker) -> None:
    looks = panel["fieldConfig"]["defaults"]["custom"]
    bars = looks.get("drawStyle") == "bars"
    step = COARSE if bars else FINE
    rows: list[Row] = [
        (_legend(target, labels), values)
        for target in panel["targets"]
        for labels, values in asker.rows(target, step=step)
    ]
    if not rows:
        raise PromError(f"{panel['title']}: no data")
    paper.series(
        *(panel["title"], panel["gridPos"], sorted(rows)),
        hours=step / 3600,
        stacked="stacking" in looks,
        bars=bars,
        unit=_unit(panel),
        most=panel["fieldConfig"]["defaults"].get("max"),
    )


_DRAWN = {
    "row": _row,
    "stat": _stat,
    "table": _table,
    "heatmap": _heatmap,
    "timeseries": _timeseries,
}
