"""What the kernel says about a process: peak memory and processor time. Linux only."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
_USER, _SYSTEM = 11, 12  # counted from the field after the command's closing parenthesis


def peak_mib(status: str) -> float:
    """Return the largest resident size so far, from the text of /proc/PID/status."""
    return _mib(status, "VmHWM")


def resident_mib(status: str) -> float:
    """Return the resident size now, from the same text."""
    return _mib(status, "VmRSS")


def _mib(status: str, wanted: str) -> float:
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == wanted:
            return int(value.split()[0]) / 1024
    raise ValueError(f"no {wanted}: the process has ended")


def cpu_seconds(stat: str, *, ticks_per_second: int) -> float:
    """Return the processor time so far, from the text of /proc/PID/stat."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / ticks_per_second


def busy_seconds(stat: str, *, ticks_per_second: int) -> float:
    """Return the time that all processors were not idle, from the text of /proc/stat."""
    ticks = [int(one) for one in stat.splitlines()[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq = ticks[:7]
    return (user + nice + system + irq + softirq) / ticks_per_second


def read_busy_seconds() -> float:
    """Read how long the processors of this machine were busy, with anything."""
    stat = (PROC / "stat").read_text()
    return busy_seconds(stat, ticks_per_second=os.sysconf("SC_CLK_TCK"))


def read_peak_mib(pid: int) -> float:
    """Read the largest resident size of a process."""
    return peak_mib((PROC / str(pid) / "status").read_text())


def read_resident_mib(pid: int) -> float:
    """Read the resident size of a process now."""
    return resident_mib((PROC / str(pid) / "status").read_text())


def read_cpu_seconds(pid: int) -> float:
    """Read the processor time of a process, all threads together."""
    stat = (PROC / str(pid) / "stat").read_text()
    return cpu_seconds(stat, ticks_per_second=os.sysconf("SC_CLK_TCK"))
