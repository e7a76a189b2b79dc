"""The GPU probe: every way in which it can end, with a driver that says what the test wants."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cosmos3_operator.probes import gpu

H100 = ("NVIDIA H100 80GB HBM3", 81559, (9, 0))
L40S = ("NVIDIA L40S", 46068, (8, 9))


@dataclass
class FakeDriver:
    """A driver by its answers; `fails` maps a call to the CUresult that it ends with."""

    devices: tuple[tuple[str, int, tuple[int, int]], ...] = (H100,)
    supports: int = 13000
    apart: frozenset[tuple[int, int]] = frozenset()
    fails: dict[str, int] = field(default_factory=dict)

    def _call(self, name: str) -> None:
        if name in self.fails:
            raise gpu.CudaError(name, self.fails[name], "CUDA_ERROR_OF_TEST")

    def version(self) -> int:
        self._call("version")
        return self.supports

    def start(self) -> None:
        self._call("start")

    def count(self) -> int:
        self._call("count")
        return len(self.devices)

    def name(self, index: int) -> str:
        return self.devices[index][0]

    def memory(self, index: int) -> int:
        self._call("memory")
        return self.devices[index][1] * 2**20

    def compute_capability(self, index: int) -> tuple[int, int]:
        return self.devices[index][2]

    def reaches(self, index: int, other: int) -> bool:
        self._call("reaches")
        return (index, other) not in self.apart


def options(*words: str) -> argparse.Namespace:
    return gpu.parser().parse_args(["--torch", "no_such_torch", *words])


def report_of(driver: FakeDriver, *words: str) -> gpu.Report:
    report = gpu.Report()
    gpu.look(options(*words), report, driver=lambda path: driver)
    return report


def failure_of(driver: FakeDriver, *words: str) -> tuple[str, str]:
    with pytest.raises(gpu.Failed) as caught:
        report_of(driver, *words)
    return caught.value.reason, str(caught.value)


def notes_of(driver: FakeDriver, *words: str) -> list[str]:
    return report_of(driver, "--cuda", "13", *words).notes


def test_what_is_as_wanted_has_no_notes(tmp_path: Path) -> None:
    report = report_of(
        FakeDriver(devices=(H100, H100)),
        *("--gpus", "2", "--cuda", "13", "--min-compute", "9.0", "--min-memory-mib", "81559"),
        *("--shm", "/", "--shm-gib", "0.001", "--cache", str(tmp_path), "--cache-gib", "0"),
    )
    assert (
        report.devices
        == [{"name": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "compute_capability": "9.0"}] * 2
    )
    assert (report.driver_cuda, report.torch_cuda, report.peer_access) == ("13.0", "", "All")
    assert report.notes == []
    assert list(tmp_path.iterdir()) == []


def test_a_container_without_driver() -> None:
    def absent(path: str) -> gpu.Driver:
        raise OSError(f"{path}: cannot open shared object file")

    with pytest.raises(gpu.Failed, match=r"no NVIDIA driver \(libcuda.so.1: cannot open") as caught:
        gpu.look(options(), gpu.Report(), driver=absent)
    assert caught.value.reason == "NoCudaDevice"


@pytest.mark.parametrize(
    ("call", "code", "reason", "words"),
    [
        ("start", 100, "NoCudaDevice", "gives this container no device"),
        ("version", 34, "NoCudaDevice", "stub of the CUDA toolkit"),
        ("start", 803, "DeviceBroken", "older than the driver"),
        ("start", 804, "CudaDriverTooOld", "which this GPU does not support"),
        ("start", 802, "DeviceBroken", "nvidia-fabricmanager"),
        ("start", 214, "DeviceBroken", "uncorrectable memory error"),
        ("start", 999, "DeviceBroken", "without a reboot"),
        ("start", 46, "DeviceBroken", "start says 46, CUDA_ERROR_OF_TEST"),
        ("count", 999, "DeviceBroken", "count says 999"),
        ("memory", 214, "DeviceBroken", "must be reset or replaced"),
        ("reaches", 101, "DeviceBroken", "reaches says 101"),
    ],
)
def test_calls_that_fail(call: str, code: int, reason: str, words: str) -> None:
    driver = FakeDriver(devices=(H100, H100), fails={call: code})
    found, message = failure_of(driver, "--gpus", "2")
    assert found == reason
    assert words in message


@pytest.mark.parametrize(
    ("devices", "wanted", "reason", "message"),
    [
        ((H100,), 2, "TooFewDevices", "1 of 2 GPUs can be seen: NVIDIA H100 80GB HBM3"),
        (
            (H100, L40S, H100),
            4,
            "TooFewDevices",
            "3 of 4 GPUs can be seen: NVIDIA H100 80GB HBM3, NVIDIA L40S",
        ),
        ((), 1, "NoCudaDevice", "0 of 1 GPUs can be seen"),
    ],
)
def test_fewer_than_wanted(
    devices: tuple[Any, ...], wanted: int, reason: str, message: str
) -> None:
    assert failure_of(FakeDriver(devices=devices), "--gpus", str(wanted)) == (reason, message)


def test_more_than_wanted_is_a_note() -> None:
    (note,) = notes_of(FakeDriver(devices=(H100, H100)))
    assert note == "2 GPUs can be seen, the server uses 1: the rest stays idle"


@pytest.mark.parametrize(
    ("supports", "built", "message"),
    [
        (12040, "13", "the driver supports CUDA 12.4, the image is built for CUDA 13"),
        (12090, "13.0", "the driver supports CUDA 12.9, the image is built for CUDA 13.0"),
        (11080, "12.8", "the driver supports CUDA 11.8, the image is built for CUDA 12.8"),
    ],
)
def test_a_driver_of_an_older_major(supports: int, built: str, message: str) -> None:
    found = failure_of(FakeDriver(supports=supports), "--cuda", built)
    assert found == ("CudaDriverTooOld", message)


@pytest.mark.parametrize(
    ("supports", "built"), [(13000, "13"), (13020, "13.0"), (13000, "12.9"), (12090, "12")]
)
def test_drivers_that_will_do(supports: int, built: str) -> None:
    assert report_of(FakeDriver(supports=supports), "--cuda", built).notes == []


def test_a_driver_of_an_older_minor_is_a_note() -> None:
    (note,) = report_of(FakeDriver(supports=13000), "--cuda", "13.2").notes
    assert "supports CUDA 13.0, the image is built for 13.2" in note
    assert "minor version compatibility" in note


def test_an_unknown_image_is_not_compared() -> None:
    (note,) = report_of(FakeDriver()).notes
    assert "not compared" in note


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cuda: Optional[str] = '13.0'", "13.0"),
        ('cuda = "12.8"', "12.8"),
        ("cuda: Optional[str] = None", ""),
        ("cudart = '13.0'", ""),
    ],
)
def test_torch_says_its_cuda_without_being_imported(
    line: str, expected: str, tmp_path: Path
) -> None:
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "version.py").write_text(f"__version__ = '2.11.0+cu130'\n{line}\nhip = None\n")
    assert gpu.torch_cuda("torch", path=[str(tmp_path)]) == expected


def test_no_torch_at_all() -> None:
    assert gpu.torch_cuda("no_such_torch") == ""


def test_compute_capability() -> None:
    reason, message = failure_of(FakeDriver(devices=(H100, L40S)), "--gpus=2", "--min-compute=9.0")
    assert reason == "ComputeCapabilityTooLow"
    assert message == "GPU 1, NVIDIA L40S, has compute capability 8.9, the model needs 9.0"


def test_compute_capability_of_two_digits_is_more_than_of_one() -> None:
    blackwell = ("NVIDIA B200", 183359, (10, 0))
    assert report_of(FakeDriver(devices=(blackwell,)), "--min-compute", "9.0").devices


def test_only_the_gpus_in_use_must_be_good_enough() -> None:
    old = ("Tesla T4", 15360, (7, 5))
    (note,) = notes_of(FakeDriver(devices=(H100, old)), "--min-compute", "8.0")
    assert "stays idle" in note


def test_gpus_that_differ_are_a_note() -> None:
    (note,) = notes_of(FakeDriver(devices=(H100, L40S)), "--gpus", "2")
    assert "not all alike" in note


def test_memory_is_compared_as_labels_count_it() -> None:
    as_cuda_counts = ("NVIDIA H100 80GB HBM3", 81079, (9, 0))
    assert notes_of(FakeDriver(devices=(as_cuda_counts,)), "--min-memory-mib", "81559") == []


def test_little_memory_is_a_note() -> None:
    (note,) = notes_of(FakeDriver(devices=(L40S,)), "--min-memory-mib", "81920")
    assert note == "GPU 0 has 46068 MiB, wanted were 81920"


@pytest.mark.parametrize(
    ("apart", "access"),
    [(set(), "All"), ({(0, 1)}, "Some"), ({(0, 1), (1, 0)}, "None")],
)
def test_peer_access(apart: set[tuple[int, int]], access: str) -> None:
    driver = FakeDriver(devices=(H100, H100), apart=frozenset(apart))
    report = report_of(driver, "--gpus", "2", "--cuda", "13")
    assert report.peer_access == access
    assert len(report.notes) == bool(apart)


def test_one_gpu_has_no_peers() -> None:
    assert report_of(FakeDriver()).peer_access is None


def test_shared_memory() -> None:
    reason, message = failure_of(FakeDriver(), "--shm-gib", "1000000")
    assert reason == "SharedMemoryTooSmall"
    assert message.endswith(" GiB, 1000000 are needed")
    assert failure_of(FakeDriver(), "--shm", "/no/such")[0] == "SharedMemoryTooSmall"


def test_a_cache_that_cannot_be_written() -> None:
    reason, message = failure_of(FakeDriver(), "--cache", "/proc")
    assert reason == "CacheNotWritable"
    assert message.startswith("/proc cannot be written by user ")


def test_little_room_for_the_weights_is_a_note(tmp_path: Path) -> None:
    (note,) = notes_of(FakeDriver(), "--cache", str(tmp_path), "--cache-gib", "10000000")
    assert "enough only if most of it is there already" in note


def test_a_line_always_fits() -> None:
    report = gpu.Report(
        devices=[{"name": "N" * 200, "memory_mib": 1, "compute_capability": "9.0"}] * 16,
        notes=["n" * 400] * 9,
    )
    line = gpu.line_of(report, reason="DeviceBroken", message="m" * 5000)
    found = json.loads(line)
    assert len(line.encode()) < gpu.LINE_BYTES
    assert found["reason"] == "DeviceBroken"
    assert found["devices"][1:] == [{"more": 15}]


def test_a_line_that_fits_is_whole() -> None:
    report = gpu.Report(
        devices=[{"name": H100[0], "memory_mib": H100[1], "compute_capability": "9.0"}] * 8
    )
    assert len(json.loads(gpu.line_of(report, reason="DevicesReady", message="x"))["devices"]) == 8
