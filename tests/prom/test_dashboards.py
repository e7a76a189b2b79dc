"""The dashboards against a real Prometheus: every query of every panel parses and has an answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from dashboards.__main__ import DESCRIPTIONS, FOLDER, files
from dashboards.model import Dashboard, Panel, Query, read
from dashboards.queries import filled
from metrics.names import metrics_of
from prom.server import History, Server
from prom.synthetic import fleet, text
from prom.test_alerts import EXISTING
from prom.test_rules import ALERTS
from support.repository import ROOT

STEP = 60
HOURS = 3
DASHBOARDS = {path.stem: read(path) for path in DESCRIPTIONS}
QUERIES = [
    pytest.param(dashboard, panel, query, id=f"{name}: {panel.title} {index}")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard.panels
    for index, query in enumerate(panel.queries)
]
RECORDINGS = [
    pytest.param([other["record"] for other in group["rules"]], rule, id=rule["record"])
    for path in ALERTS
    for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    if all("record" in rule for rule in group["rules"])
    for rule in group["rules"]
]
Place = tuple[str, str]
"""Kind and namespace."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    end = int(time.time()) // STEP * STEP - 3600
    begin = end - HOURS * 3600
    made = History(tmp_path_factory.mktemp("prometheus"), begin=begin, end=end, step=STEP)
    made.fill(text(fleet(begin), begin=begin, end=end, step=STEP), ALERTS)
    return made


@pytest.fixture(scope="module")
def server(history: History) -> Iterator[Server]:
    with history.serve() as started:
        yield started


@pytest.mark.parametrize(("dashboard", "panel", "query"), QUERIES)
def test_every_query_has_an_answer(
    server: Server, history: History, dashboard: Dashboard, panel: Panel, query: Query
) -> None:
    expr = filled(dashboard, query.expr)
    assert server.over(expr, begin=history.begin, end=history.end, step=STEP), panel.title


def test_what_is_held_in_vain_is_what_is_allocated_and_does_not_serve(
    server: Server, history: History
) -> None:
    allocated, serving, held = (
        _values(server, history, f"cosmos3:gpus_{name}")
        for name in ("allocated", "serving", "held_not_serving")
    )
    assert {place for place, _ in held} == {
        ("CosmosGenerator", "robotics"),
        ("CosmosGenerator", "lab"),
        ("CosmosReasoner", "vision"),
        ("CosmosReasoner", "lab"),
    }
    assert held == {key: allocated[key] - serving[key] for key in allocated}
    assert {held[("CosmosGenerator", "lab"), at] for _, at in held} == {0, 4}
    assert held[("CosmosGenerator", "robotics"), history.end] == 0


def test_the_figures_at_a_glance_are_the_sums_of_the_table(
    server: Server, history: History
) -> None:
    fleet_ = DASHBOARDS["fleet"]
    table = _panel(fleet_, "GPUs by namespace", "table")
    sums = {
        query.column: sum(_now(server, history, filled(fleet_, query.expr)))
        for query in table.queries
    }
    assert sums == {"Requested": 26, "Allocated": 22, "Serving": 18, "Held in vain": 4}
    stats = [
        *_panel(fleet_, "GPUs", "stat").queries,
        *_panel(fleet_, "GPUs held, not serving", "stat").queries,
    ]
    found = [_now(server, history, filled(fleet_, query.expr)) for query in stats]
    assert found == [[value] for value in sums.values()]


@pytest.mark.parametrize(("group", "rule"), RECORDINGS)
def test_a_recording_is_what_its_expression_answers_and_no_other_fallback(
    server: Server, history: History, group: list[str], rule: dict[str, Any]
) -> None:
    """Whatever was there when it was first evaluated: no later look would take it back."""
    del group
    of = ",".join(f'{name}="{value}"' for name, value in rule.get("labels", {}).items())
    name = f"{rule['record']}{{{of}}}"
    moments = server.at(f"min(timestamp({name}))", moment=history.end)
    moment = float(moments[0]["value"][1]) if moments else history.end
    recorded = _by_labels(server.at(name, moment=moment))
    asked = _by_labels(server.at(rule["expr"], moment=moment), **rule.get("labels", {}))
    assert recorded == {
        labels: pytest.approx(value, nan_ok=True) for labels, value in asked.items()
    }


@pytest.mark.parametrize(("group", "rule"), RECORDINGS)
def test_a_recording_reads_only_what_stands_above_it_in_its_group(
    group: list[str], rule: dict[str, Any]
) -> None:
    """Rules of a group are evaluated in order, groups in none."""
    above = group[: group.index(rule["record"])]
    assert set(re.findall(r"cosmos3:[a-z0-9_:]+", rule["expr"])) <= set(above)


def _panel(dashboard: Dashboard, title: str, kind: str) -> Panel:
    (found,) = (one for one in dashboard.panels if (one.title, one.kind) == (title, kind))
    return found


def _now(server: Server, history: History, expr: str) -> list[float]:
    return [float(one["value"][1]) for one in server.at(expr, moment=history.end)]


def _values(server: Server, history: History, expr: str) -> dict[tuple[Place, int], float]:
    """Return every value of a recording, by kind and namespace and by moment."""
    found = server.over(expr, begin=history.begin, end=history.end, step=STEP)
    return {
        ((one["metric"]["kind"], one["metric"]["namespace"]), int(at)): float(value)
        for one in found
        for at, value in one["values"]
    }


def _by_labels(found: list[dict[str, Any]], **more: str) -> dict[frozenset[Any], float]:
    return {
        frozenset({**one["metric"], **more, "__name__": ""}.items()): float(one["value"][1])
        for one in found
    }


def test_what_is_invented_for_the_dashboards_has_names_that_exist() -> None:
    assert {one.name for one in fleet(0)} - EXISTING == set()


@pytest.mark.parametrize(("dashboard", "panel", "query"), QUERIES)
def test_every_metric_of_a_query_exists(dashboard: Dashboard, panel: Panel, query: Query) -> None:
    del panel
    assert metrics_of(filled(dashboard, query.expr)) - EXISTING == set()


def test_the_committed_dashboards_are_fresh() -> None:
    committed = {path: path.read_text("utf-8") for path in files()}
    assert committed == files(), "run 'make docs'"
    assert set(committed) == set(FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_can_be_loaded_beside_any_other(name: str) -> None:
    body = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert body["uid"] == f"cosmos3-{name}"
    assert "id" not in body
    sources = {one["datasource"]["uid"] for one in body["panels"] if one["type"] != "row"}
    assert sources == {"${datasource}"}
    assert body["templating"]["list"][0]["type"] == "datasource"
    assert len({panel["id"] for panel in body["panels"]}) == len(body["panels"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_explains_itself_and_none_covers_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["type"] == "row" or panel["description"].endswith((".", ".md")), panel["title"]


def test_what_panels_link_to_exists() -> None:
    texts = [panel.asks for dashboard in DASHBOARDS.values() for panel in dashboard.panels]
    pages = {page for text in texts for page in re.findall(r"DOCS_URL/(\S+\.md)", text)}
    assert len(pages) > 10
    assert [page for page in pages if not (ROOT / "docs" / page).is_file()] == []
