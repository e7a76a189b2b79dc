"""Starts, recognises and ends the processes of a bed. Linux only: it reads /proc.

A process is known by its id together with its start time, so that an id that the kernel gave to
somebody else's process in the meantime is never signalled. Each process also carries a mark with
the bed's folder in its environment, so that ``down`` finds what it started even when somebody
deleted that folder first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bed.errors import BedError

_MARK = "COSMOS3_BED_DIR"
# Fields of /proc/PID/stat, counted from the one after the command's closing parenthesis.
_STATE, _START_TIME = 0, 19
_POLL_S = 0.02

Condition = Callable[[], bool]


@dataclass(frozen=True)
class Process:
    """One started process."""

    name: str
    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _start_time(self.pid) == self.started


def spawn(name: str, argv: Sequence[str], *, log: Path, folder: Path) -> Process:
    """Start a detached process that outlives its parent, output appended to `log`."""
    environment = {**os.environ, _MARK: str(folder)}
    output = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # posix_spawn rather than subprocess: a Popen object complains when it is forgotten while
    # its process still runs, and outliving us is the point here.
    pid = os.posix_spawn(
        argv[0],
        list(argv),
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            output,
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGPIPE, signal.SIGTERM],
    )
    started = _start_time(pid)
    return Process(name, pid, -1 if started is None else started)


def marked(folder: Path) -> list[Process]:
    """Find the processes that were started for this folder, recorded or not."""
    wanted = f"{_MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            name = _program((entry / "cmdline").read_bytes())
        except OSError:  # ended meanwhile, or not ours to look at
            continue
        if wanted not in environment:
            continue
        started = _start_time(int(entry.name))
        if started is not None:
            found.append(Process(name, int(entry.name), started))
    return found


def _program(command_line: bytes) -> str:
    """Name a process by its program; a script by itself, not by its interpreter."""
    names = [Path(os.fsdecode(word)).name for word in command_line.split(b"\0")[:2]]
    return names[1] if names[0].startswith("python") and names[1:] else names[0]


def stop(processes: Iterable[Process], *, grace_s: float, kill_s: float = 30.0) -> None:
    """End these processes: ask, wait, then insist. Returns when none is left."""
    remaining = _signal(processes, signal.SIGTERM)
    if _all_gone(remaining, grace_s):
        return
    remaining = _signal(remaining, signal.SIGKILL)
    if not _all_gone(remaining, kill_s):
        names = ", ".join(f"{p.name} (pid {p.pid})" for p in remaining if p.alive)
        raise BedError(f"could not end {names} even with SIGKILL; look at their state in /proc")


def wait_until(condition: Condition, timeout_s: float, *, every_s: float = _POLL_S) -> bool:
    """Poll until the condition holds; False if it did not within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def _signal(processes: Iterable[Process], number: signal.Signals) -> list[Process]:
    living = [p for p in processes if p.alive]
    for process in living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
    return living


def _all_gone(processes: Sequence[Process], timeout_s: float) -> bool:
    return wait_until(lambda: not any(p.alive for p in processes), timeout_s)


def _start_time(pid: int) -> int | None:
    """Read when a process started, in clock ticks since boot; None once it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name may itself hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    if fields[_STATE] in "ZX" and _collected(pid):
        return None
    return int(fields[_START_TIME])


def _collected(pid: int) -> bool:
    """Collect a zombie that is our own child; False while its other threads are still ending."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # somebody else's to collect
        return True
