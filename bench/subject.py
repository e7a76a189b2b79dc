"""Starts what is measured, each in a process of its own, and ends it.

A subject has its own session, so that Ctrl-C reaches the benchmark only, which then ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bench import procfs
from bench.errors import BenchError

GRACE_SECONDS = 30.0
TAIL_LINES = 15


class Subject:
    """A running process, and what it says on standard error."""

    def __init__(self, process: asyncio.subprocess.Process, *, log: Path) -> None:
        self._process = process
        self._log = log
        self._heard = asyncio.Condition()
        self._lines: list[tuple[float, str]] = []
        self._listener = asyncio.create_task(self._listen())
        self.started = time.monotonic()
        self.stop_seconds: float | None = None

    async def says(self, words: str, *, within: float) -> float:
        """Wait for words in its log; answer with when they came."""

        def found() -> float | None:
            return next((at for at, line in self._lines if words in line), None)

        try:
            async with self._heard, asyncio.timeout(within):
                await self._heard.wait_for(lambda: found() is not None or self._has_ended())
        except TimeoutError:
            raise BenchError(f"it did not say {words!r} within {within:.0f} s") from None
        at = found()
        if at is None:
            raise BenchError(f"it ended before it said {words!r}:\n{self.tail()}")
        return at

    def peak_mib(self) -> float:
        """Read the largest resident size so far."""
        return procfs.read_peak_mib(self._process.pid)

    def resident_mib(self) -> float:
        """Read the resident size now."""
        return procfs.read_resident_mib(self._process.pid)

    def cpu_seconds(self) -> float:
        """Read the processor time so far."""
        return procfs.read_cpu_seconds(self._process.pid)

    def tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(line for _, line in self._lines[-TAIL_LINES:])

    async def output(self) -> bytes:
        """Wait until it ends well; answer with what it printed."""
        assert self._process.stdout is not None
        printed = await self._process.stdout.read()
        code = await self._process.wait()
        await self._listener
        if code != 0:
            raise BenchError(f"it ended with {code}:\n{self.tail()}")
        return printed

    async def wait(self) -> None:
        """Wait until it ends by itself, and complain: nobody asked it to."""
        code = await self._process.wait()
        raise BenchError(f"it ended by itself with {code}:\n{self.tail()}")

    async def stop(self) -> None:
        """Ask it to end, then insist."""
        if self._process.returncode is not None:
            return
        began = time.monotonic()
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), GRACE_SECONDS)
        except (TimeoutError, asyncio.CancelledError):
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            raise
        self.stop_seconds = time.monotonic() - began

    def _has_ended(self) -> bool:
        return self._listener.done() or self._process.returncode is not None

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._log.open("wb") as log:
            async for line in self._process.stderr:
                at = time.monotonic()
                log.write(line)
                async with self._heard:
                    self._lines.append((at, line.decode(errors="replace").rstrip()))
                    self._heard.notify_all()
        async with self._heard:
            self._heard.notify_all()


@asynccontextmanager
async def running(
    command: Sequence[str], *, log: Path, core: int | None, cwd: Path
) -> AsyncIterator[Subject]:
    """Run a command while the block runs; `core` keeps it on one processor."""

    def pin() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
        start_new_session=True,
        preexec_fn=pin,
        cwd=cwd,
    )
    subject = Subject(process, log=log)
    try:
        yield subject
    finally:
        await subject.stop()
