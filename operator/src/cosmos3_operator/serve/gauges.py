"""Gauges that are worked out when somebody asks, by functions that others hand in.

In: functions. Out: samples at each scrape. A value that nobody keeps cannot be out of date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cosmos3_operator.serve.families import FAMILIES, Family

Sample = tuple[tuple[str, ...], float]
"""The values of the labels, and the value."""
Ask = Callable[[], Iterable[Sample]]


class Gauges(Collector):
    """Asks, each time anew."""

    def __init__(self) -> None:
        self._asked: dict[str, Ask] = {}

    def ask(self, name: str, ask: Ask) -> None:
        """Add a gauge with labels."""
        self._asked[name] = ask

    def ask_one(self, name: str, *labels: str, value: Callable[[], float]) -> None:
        """Add a gauge with one sample."""
        self._asked[name] = lambda: [(labels, value())]

    def describe(self) -> Iterable[Metric]:
        """Ask nobody when registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Ask everybody."""
        for name, ask in self._asked.items():
            yield gauge(FAMILIES[name], ask())


def gauge(family: Family, samples: Iterable[Sample]) -> GaugeMetricFamily:
    """Build one gauge."""
    metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric
