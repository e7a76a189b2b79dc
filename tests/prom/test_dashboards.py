"""The dashboards against a real Prometheus: every query of every panel parses and has an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from dashboards.__main__ import DESCRIPTIONS
from dashboards.model import Dashboard, Panel, Query, read
from dashboards.queries import filled
from prom.server import History, Server
from prom.synthetic import fleet, text
from prom.test_rules import ALERTS

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
