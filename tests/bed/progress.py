"""Says what is going on during something long: a live line on a terminal, else one now and then.

In: texts and a clock. Out: lines on standard error, so that standard output stays for results.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

Say = Callable[[str], None]

_LIVE_EVERY_S = 0.2
_PLAIN_EVERY_S = 20.0
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def to_stderr(text: str) -> None:
    """Say one line."""
    print(text, file=sys.stderr, flush=True)


def silent(text: str) -> None:
    """Say nothing."""
    del text


def clock(seconds: float) -> str:
    """Write a duration the way a person would: ``8 s``, ``4 min 05 s``."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


class Ticker:
    """Shows a text that changes, from a thread of its own, until its block ends."""

    def __init__(self, text: Callable[[], str], stream: TextIO | None = None) -> None:
        self._text = text
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the block began."""
        return time.monotonic() - self._began

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._live:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()

    def _run(self) -> None:
        tick = 0
        while not self._done.wait(_LIVE_EVERY_S if self._live else _PLAIN_EVERY_S):
            tick += 1
            line = f"{self._text()}, {clock(self.elapsed)}"
            if self._live:
                line = f"\r\x1b[2K  {_SPINNER[tick % len(_SPINNER)]} {line}"
            else:
                line = f"  … {line}\n"
            self._stream.write(line)
            self._stream.flush()
