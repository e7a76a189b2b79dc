"""Logging is one for the whole process: what a test changes is put back after it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

NAMED = ("kopf", "kopf.objects", "kopf._cogs.clients", "cosmos3_operator")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in NAMED}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
