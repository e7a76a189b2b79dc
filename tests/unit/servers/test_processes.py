"""A server's processes: signalled as a container runtime does, ended with all that they started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bed.processes import wait_until
from servers.errors import ServerError
from servers.processes import ServerProcess

WAIT_S = 60.0


def started(tmp_path: Path, script: str) -> ServerProcess:
    return ServerProcess(
        ["/bin/sh", "-c", script],
        env={"PATH": "/usr/bin:/bin"},
        folder=tmp_path,
        log=tmp_path / "log",
    )


def test_all_that_it_started_is_ended(tmp_path: Path):
    process = started(tmp_path, "sleep 1000 & sleep 1000 & wait")
    assert wait_until(lambda: len(process.members()) == 3, WAIT_S)
    assert process.memory_mib() >= 0
    process.kill()
    assert process.members() == []


def test_shared_memory_that_it_left_is_cleared_away(tmp_path: Path):
    program = "import time; from multiprocessing.shared_memory import SharedMemory as S; "
    program += "s = S(create=True, size=4096); print(s.name, flush=True); time.sleep(1000)"
    process = started(tmp_path, f'exec "{sys.executable}" -c "{program}"')
    assert wait_until(lambda: process.log.read_text().endswith("\n"), WAIT_S)
    memory = Path("/dev/shm") / process.log.read_text().strip().lstrip("/")
    assert memory.exists()
    process.kill()
    assert not memory.exists()


def test_only_the_first_process_is_told_to_end(tmp_path: Path):
    process = started(tmp_path, "trap 'exit 7' TERM; sleep 1000 & echo ready; wait")
    assert wait_until(lambda: "ready" in process.log.read_text(), WAIT_S)
    process.terminate()
    assert process.wait(timeout_s=WAIT_S) == 7
    assert len(process.members()) == 1
    process.kill()


def test_one_that_does_not_end_is_said_so(tmp_path: Path):
    process = started(tmp_path, "sleep 1000")
    with pytest.raises(ServerError, match="still runs"):
        process.wait(timeout_s=0.1)
    process.kill()


def test_it_sees_only_the_environment_that_it_is_given(tmp_path: Path):
    process = started(tmp_path, "env; exit 0")
    assert process.wait(timeout_s=WAIT_S) == 0
    names = {line.partition("=")[0] for line in process.log.read_text().splitlines()}
    assert names <= {"PATH", "PWD", "OLDPWD", "SHLVL", "_"}
