"""What the running pass is about, for whoever writes a log line.

In: fields bound by the workers and the reconciler. Out: the fields of the current task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_EMPTY: Mapping[str, Any] = {}
_fields: ContextVar[Mapping[str, Any]] = ContextVar("fields", default=_EMPTY)


def current() -> Mapping[str, Any]:
    """Return the fields bound in this task."""
    return _fields.get()


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add fields for a block."""
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)
