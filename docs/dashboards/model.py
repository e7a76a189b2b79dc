"""Panels as data, and the JSON that Grafana 10 and newer loads.

In: rows of panels, written as YAML. Out: a dashboard as a plain dictionary. Every panel has a
description, for that is what a reader sees behind the small "i"; every query is PromQL as Grafana
would send it, with its variables in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SCHEMA = 38
"""Of Grafana 10.0; newer ones migrate it when they load it."""
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
DOCS = "DOCS_URL"
"""Stands for the address of docs/ in every file that the chart ships; the chart fills it in."""
WIDTH = 24

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Query:
    """One line of PromQL, and what its series are called."""

    expr: str
    legend: str = ""
    empty: str = ""
    """Why it may return nothing although everything is well; "" where it may not."""
    column: str = ""
    """In a table: what its value is called."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One question and its answer."""

    title: str
    asks: str
    """The description: what is shown, in which unit, and what is good."""
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    """timeseries, bars, stacked, stat, table or heatmap."""
    unit: str = "short"
    width: int = 8
    height: int = 8
    red_above: float | None = None
    """In a stat: from where on it is red."""
    most: float | None = None
    """The upper end of the axis, where there is a natural one."""
    link: Mapping[str, str] | None = None
    """Title and address (url) behind each value."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A choice at the top."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """A whole dashboard."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def read(file: Path) -> Dashboard:
    """Read a description; a field that a class lacks is an error."""
    body = yaml.safe_load(file.read_text("utf-8"))
    rows = tuple(Row(title=row["title"], panels=_panels(row["panels"])) for row in body["rows"])
    variables = tuple(Variable(**one) for one in body["variables"])
    return Dashboard(**{**body, "rows": rows, "variables": variables})


def _panels(bodies: Sequence[Json]) -> tuple[Panel, ...]:
    return tuple(
        Panel(**{**body, "queries": tuple(Query(**query) for query in body["queries"])})
        for body in bodies
    )


def render(dashboard: Dashboard) -> Json:
    """Return what Grafana loads."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["cosmos3"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": _links(),
        "templating": {"list": [_source(), *(_variable(one) for one in dashboard.variables)]},
        "annotations": {"list": []},
        "panels": list(_placed(dashboard.rows)),
    }


def _links() -> list[Json]:
    return [
        {"title": "Cosmos 3", "type": "dashboards", "tags": ["cosmos3"], "keepTime": True},
        {
            "title": "What the figures mean",
            "type": "link",
            "icon": "doc",
            "url": f"{DOCS}/dashboards.md",
            "targetBlank": True,
        },
    ]


def _source() -> Json:
    return {"name": "datasource", "label": "Source", "type": "datasource", "query": "prometheus"}


def _variable(variable: Variable) -> Json:
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": variable.query, "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    """Lay the panels out from left to right, a new line where one does not fit."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield _row(row, number, top)
        top += 1
        left, tallest = 0, 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                left, top, tallest = 0, top + tallest, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest


def _row(row: Row, number: int, top: int) -> Json:
    place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _panel(panel: Panel) -> Json:
    looks = _LOOKS[panel.kind](panel)
    defaults = {"unit": panel.unit, "min": 0, **looks.pop("defaults", {})}
    if panel.most is not None:
        defaults["max"] = panel.most
    if panel.link:
        defaults["links"] = [{**panel.link, "targetBlank": True}]
    return {
        "title": panel.title,
        "description": panel.asks,
        "datasource": SOURCE,
        "targets": [_target(panel, index) for index in range(len(panel.queries))],
        "fieldConfig": {"defaults": defaults, "overrides": looks.pop("overrides", [])},
        **looks,
    }


def _target(panel: Panel, index: int) -> Json:
    query = panel.queries[index]
    target: Json = {"refId": _ref(index), "datasource": SOURCE, "expr": query.expr}
    target |= {"legendFormat": query.legend or "__auto", "editorMode": "code"}
    if panel.kind == "table":
        return target | {"format": "table", "instant": True, "range": False}
    if panel.kind == "stat":
        return target | {"instant": True, "range": False}
    if panel.kind == "heatmap":
        return target | {"format": "heatmap", "range": True}
    return target | {"range": True}


def _ref(index: int) -> str:
    return chr(ord("A") + index)


def _timeseries(panel: Panel, **custom: object) -> Json:
    looks = {
        "lineWidth": 1,
        "fillOpacity": 8,
        "showPoints": "never",
        "spanNulls": False,
        **custom,
    }
    del panel
    return {
        "type": "timeseries",
        "defaults": {"custom": looks},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _bars(panel: Panel) -> Json:
    stacking = {"mode": "normal", "group": "A"}
    return _timeseries(panel, drawStyle="bars", fillOpacity=70, lineWidth=0, stacking=stacking)


def _stacked(panel: Panel) -> Json:
    return _timeseries(panel, fillOpacity=40, stacking={"mode": "normal", "group": "A"})


def _stat(panel: Panel) -> Json:
    steps: list[Json] = [
        {"color": "green" if panel.red_above is not None else "text", "value": None}
    ]
    if panel.red_above is not None:
        steps.append({"color": "red", "value": panel.red_above})
    mode = "value_and_name" if len(panel.queries) > 1 else "value"
    return {
        "type": "stat",
        "defaults": {"thresholds": {"mode": "absolute", "steps": steps}, "noValue": "0"},
        "options": {
            "colorMode": "value",
            "graphMode": "none",
            "textMode": mode,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    }


def _table(panel: Panel) -> Json:
    names = {f"Value #{_ref(i)}": query.column for i, query in enumerate(panel.queries)}
    if len(panel.queries) == 1:
        names["Value"] = panel.queries[0].column
    organize = {"excludeByName": {"Time": True}, "renameByName": names}
    return {
        "type": "table",
        "options": {"showHeader": True, "cellHeight": "sm"},
        "transformations": [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": organize},
        ],
        "overrides": [_column(name) for name in names.values() if _column(name)["properties"]],
    }


def _column(name: str) -> Json:
    """Give a column its own unit, where its title names one."""
    units = {"for": "s", "share": "percentunit"}
    found = next((unit for word, unit in units.items() if word in name.lower().split()), "")
    properties = [{"id": "unit", "value": found}] if found else []
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def _heatmap(panel: Panel) -> Json:
    return {
        "type": "heatmap",
        "options": {
            "calculate": False,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "fill": "dark-orange"},
            "yAxis": {"unit": panel.unit, "axisPlacement": "left"},
            "tooltip": {"show": True, "yHistogram": True},
            "cellGap": 1,
        },
    }


_LOOKS: Mapping[str, Callable[[Panel], Json]] = {
    "timeseries": _timeseries,
    "bars": _bars,
    "stacked": _stacked,
    "stat": _stat,
    "table": _table,
    "heatmap": _heatmap,
}
