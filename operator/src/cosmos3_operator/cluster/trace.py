"""What a tracer must be able to do, and the one that does nothing.

In: names and attributes of spans. Out: context managers. Spans nest by where they are opened: a
request of a pass belongs to that pass. The default costs less than the call that asks for it; the
one that sends spans somewhere is `serve/tracing.py`.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

Value = str | int | float | bool


class Span(Protocol):
    """A stretch of time with a name."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """End; an exception is noted and goes on."""

    def note(self, name: str, value: Value) -> None:
        """Set an attribute that is known only now."""


class Tracer(Protocol):
    """Opens spans."""

    def span(self, name: str, /, **attributes: Value) -> Span:
        """Make a span; it begins when it is entered."""


class _NoSpan:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let everything through."""

    def note(self, name: str, value: Value) -> None:
        """Forget it."""


_NO_SPAN = _NoSpan()


class NoTracer:
    """Traces nothing."""

    def span(self, name: str, /, **attributes: Value) -> Span:
        """Return the one span that does nothing."""
        return _NO_SPAN


NO_TRACER: Tracer = NoTracer()
