"""Writes metrics as text in small pieces, so that a scrape of a large fleet holds up nobody.

In: metrics. Out: the Prometheus text format. Between two pieces, whoever else waits has a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

PIECE = 500
"""Samples at once: a few milliseconds."""
HEADER_LINES = 2


class _One(Collector):
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


async def render(metrics: Iterable[Metric]) -> bytes:
    """Write the text format."""
    written = []
    for metric in metrics:
        for text in _pieces(metric):
            written.append(text)
            await asyncio.sleep(0)
    return b"".join(written)


def _pieces(metric: Metric) -> Iterator[bytes]:
    samples = metric.samples
    for start in range(0, max(1, len(samples)), PIECE):
        metric.samples = samples[start : start + PIECE]
        text = generate_latest(_One(metric))
        yield text if start == 0 else text.split(b"\n", HEADER_LINES)[HEADER_LINES]
