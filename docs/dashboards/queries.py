"""What Grafana would send: a panel's queries with values for its variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dashboards.model import Dashboard

RATE_INTERVAL = "5m"
"""What Grafana would choose with a scrape interval of one minute or less."""


def filled(dashboard: Dashboard, expr: str, *, rate_interval: str = RATE_INTERVAL) -> str:
    """Return a query as it is sent while every variable says "All"."""
    values = {one.name: ".*" for one in dashboard.variables}
    return _fill(expr, values | {"__rate_interval": rate_interval})


def _fill(expr: str, values: Mapping[str, str]) -> str:
    """Put values in; a variable that the dashboard does not have is a KeyError."""
    return re.sub(r"\$(\w+)", lambda match: values[match.group(1)], expr)
