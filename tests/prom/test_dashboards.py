"""The dashboards against a real Prometheus: every query of every panel parses and has an answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

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
