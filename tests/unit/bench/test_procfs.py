"""What the kernel says about a process."""

from __future__ import annotations

import os

import pytest
from bench import procfs


def test_peak_memory_is_in_mebibytes() -> None:
    assert procfs.peak_mib("Name:\tpython\nVmHWM:\t  104448 kB\nVmRSS:\t 90000 kB\n") == 102.0


def test_resident_memory_is_read_from_the_same_text() -> None:
    assert procfs.resident_mib("VmHWM:\t  104448 kB\nVmRSS:\t 102400 kB\n") == 100.0


def test_a_process_that_has_ended_has_no_peak() -> None:
    with pytest.raises(ValueError, match="ended"):
        procfs.peak_mib("Name:\tpython\nState:\tZ (zombie)\n")


def test_a_name_with_spaces_and_parentheses_does_not_shift_the_fields() -> None:
    stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0 5 0 0"
    assert procfs.cpu_seconds(stat, ticks_per_second=100) == 2.0


def test_our_own_process_can_be_read() -> None:
    assert procfs.read_peak_mib(os.getpid()) > 1
    assert procfs.read_resident_mib(os.getpid()) > 1
    assert procfs.read_cpu_seconds(os.getpid()) >= 0


def test_waiting_is_not_being_busy() -> None:
    stat = "cpu  100 20 30 9999 500 4 6 0 0 0\ncpu0 50 10 15 5000 250 2 3 0 0 0\n"
    assert procfs.busy_seconds(stat, ticks_per_second=10) == 16.0
