"""A server as a process: started in a session of its own, ended with all that it started.

Linux only: members of the session are read from /proc.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bed.processes import wait_until
from servers.errors import ServerError

_KILL_S = 60.0
_KEEPER_S = 10.0
_SESSION = 3
"""Field of /proc/PID/stat, counted from the one after the command's closing parenthesis."""


class ServerProcess:
    """One server and its workers."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The first process, the one that a container runtime signals."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Signal the first process only, as a container runtime does."""
        self._process.terminate()

    def wait(self, *, timeout_s: float) -> int:
        """Wait for the first process to end by itself, and return its exit code."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ServerError(
                f"the server still runs {timeout_s:g} s after it was told to end"
            ) from error

    def kill(self) -> None:
        """End what is left of the session, at once."""
        # The keeper notices that the others are gone and clears away their shared memory.
        _kill(pid for pid in self.members() if not _is_keeper(pid))
        wait_until(lambda: not self.members(), _KEEPER_S)
        _kill(self.members())
        if not wait_until(lambda: not self.members(), _KILL_S):
            raise ServerError(f"could not end processes {self.members()}; see their state in /proc")
        self._process.wait(_KILL_S)

    def members(self) -> list[int]:
        """Return the processes of the session that still run."""
        self._process.poll()
        return [pid for pid, session in _sessions() if session == self._process.pid]

    def memory_mib(self) -> int:
        """Return what all of it takes, shared pages shared out."""
        return sum(map(_proportional_kib, self.members())) // 1024


def _sessions() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] not in "ZX":
                yield int(entry.name), int(fields[_SESSION])


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _is_keeper(pid: int) -> bool:
    """Whether this is the process that multiprocessing starts to track named memory."""
    with contextlib.suppress(OSError):
        return b"multiprocessing.resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _proportional_kib(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
