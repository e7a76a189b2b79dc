"""Looks at the GPUs that a pod really got, before a model server starts on them.

A server with fewer GPUs than it expects hangs, and one on too old a driver fails after minutes with
a line that says something else. This program asks the driver in a second or two and ends with a
reason. It runs in the server's own image, as `python3 -c SOURCE OPTIONS`, so it is one file for
Python 3.10 or newer, needs no package, and finds the very libcuda that the server will load.

In: what is wanted, as options. Out: one line of JSON on standard output and in the termination
message; exit code 0 if a server can start, 1 if it cannot. What merely slows it down is a note.

The code is part of the pod template: a release that changes it restarts every model. Docstrings and
comments are left out there.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NoReturn, Protocol

LINE_BYTES = 2048
"""What the kubelet keeps of a log for want of a termination message; that itself may be 4096."""

GIB = 2**30

HINTS = {
    34: "libcuda is the stub of the CUDA toolkit: no driver was put into the container",
    100: "the driver is there, and gives this container no device",
    214: "uncorrectable memory error: the GPU must be reset or replaced",
    802: "on machines with NVSwitch: nvidia-fabricmanager is not running, or not of the "
    "driver's version",
    803: "libcuda and the node's driver do not fit: the image brings a CUDA compatibility library "
    "that is older than the driver, or the driver was changed without a reboot",
    804: "the image brings a CUDA compatibility library for older drivers, which this GPU does not "
    "support",
    999: "often a driver that was changed without a reboot, or /dev/nvidia-uvm missing from the "
    "container: see nvidia-smi and the kernel's log (Xid) on the node",
}
"""CUresult → what it usually means; names and numbers as in cuda.h of CUDA 13."""

REASONS = {34: "NoCudaDevice", 100: "NoCudaDevice", 804: "CudaDriverTooOld"}
"""CUresult → reason; any other is DeviceBroken."""

CUDA_SHARE = 0.99
"""Labels and nvidia-smi name all memory of a GPU, CUDA a little less: 81,079 of 81,559 MiB on an
H100, 143,155 of 143,771 MiB on an H200."""

COMPUTE_CAPABILITY = (75, 76)
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""


class Failed(Exception):  # noqa: N818 - it is what ends the probe, not a mistake
    """A server cannot start here."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CudaError(Exception):
    """A call of the driver failed."""

    def __init__(self, call: str, code: int, words: str) -> None:
        name = f", {words}" if words else ""
        hint = f" ({HINTS[code]})" if code in HINTS else ""
        super().__init__(f"{call} says {code}{name}{hint}")
        self.code = code


class Driver(Protocol):
    """What is asked of the CUDA driver; every call may raise CudaError."""

    def version(self) -> int:
        """Return the newest CUDA it supports, 1000 × major + 10 × minor."""

    def start(self) -> None:
        """Initialise it."""

    def count(self) -> int:
        """Return the number of visible devices."""

    def name(self, index: int) -> str:
        """Return the product name of a device."""

    def memory(self, index: int) -> int:
        """Return the total memory of a device, bytes."""

    def compute_capability(self, index: int) -> tuple[int, int]:
        """Return major and minor."""

    def reaches(self, index: int, other: int) -> bool:
        """Tell whether a device can address another one's memory."""


class LibCuda:
    """The driver, by its C library. Raises OSError if there is none."""

    def __init__(self, path: str) -> None:
        self._lib = ctypes.CDLL(path)

    def version(self) -> int:
        """Return the newest CUDA it supports."""
        found = ctypes.c_int()
        self._call("cuDriverGetVersion", ctypes.byref(found))
        return found.value

    def start(self) -> None:
        """Initialise it."""
        self._call("cuInit", 0)

    def count(self) -> int:
        """Return the number of visible devices."""
        found = ctypes.c_int()
        self._call("cuDeviceGetCount", ctypes.byref(found))
        return found.value

    def name(self, index: int) -> str:
        """Return the product name of a device."""
        text = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", text, len(text), self._device(index))
        return text.value.decode("utf-8", "replace")

    def memory(self, index: int) -> int:
        """Return the total memory of a device, bytes."""
        found = ctypes.c_size_t()
        self._call("cuDeviceTotalMem_v2", ctypes.byref(found), self._device(index))
        return found.value

    def compute_capability(self, index: int) -> tuple[int, int]:
        """Return major and minor."""
        major, minor = (self._attribute(index, number) for number in COMPUTE_CAPABILITY)
        return major, minor

    def reaches(self, index: int, other: int) -> bool:
        """Tell whether a device can address another one's memory."""
        found = ctypes.c_int()
        devices = self._device(index), self._device(other)
        self._call("cuDeviceCanAccessPeer", ctypes.byref(found), *devices)
        return bool(found.value)

    def _attribute(self, index: int, number: int) -> int:
        found = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(found), number, self._device(index))
        return found.value

    def _device(self, index: int) -> ctypes.c_int:
        found = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(found), index)
        return found

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._lib, name)(*arguments)
        if code:
            raise CudaError(name, code, self._words(code))

    def _words(self, code: int) -> str:
        text = ctypes.c_char_p()
        known = self._lib.cuGetErrorName(code, ctypes.byref(text)) == 0
        return text.value.decode() if known and text.value else ""


@dataclass
class Report:
    """What was found; filled on the way, so that a failure still shows what came before it."""

    driver_cuda: str = ""
    torch_cuda: str = ""
    devices: list[dict[str, Any]] = field(default_factory=list)
    shm_gib: float | None = None
    peer_access: str | None = None
    """All, Some or None (no pair); null with fewer than two devices."""
    notes: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)


def look(
    wanted: argparse.Namespace, report: Report, *, driver: Callable[[str], Driver] = LibCuda
) -> None:
    """Fill the report. Raises Failed at the first thing that no server could live with."""
    cuda = _open(wanted.libcuda, driver)
    try:
        _check_driver(wanted, report, cuda)
        cuda.start()
        _list_devices(report, cuda)
        _check_count(wanted, report)
        _check_each(wanted, report)
        _check_peers(report, cuda)
    except CudaError as error:
        raise Failed(REASONS.get(error.code, "DeviceBroken"), _with_mask(error)) from error
    _check_shm(wanted, report)
    _check_cache(wanted, report)


def _open(path: str, driver: Callable[[str], Driver]) -> Driver:
    try:
        return driver(path)
    except OSError as error:
        raise Failed(
            "NoCudaDevice",
            f"the container has no NVIDIA driver ({error}): it was started without GPUs, or not by "
            "the NVIDIA container runtime",
        ) from error


def _check_driver(wanted: argparse.Namespace, report: Report, cuda: Driver) -> None:
    """Compare majors: within one, CUDA promises that a newer toolkit runs on an older driver."""
    version = cuda.version()
    report.driver_cuda = f"{version // 1000}.{version % 1000 // 10}"
    report.torch_cuda = torch_cuda(wanted.torch)
    built = report.torch_cuda or wanted.cuda
    if not built:
        report.notes.append("for which CUDA the image is built is not known: not compared")
        return
    if wanted.cuda and _major(built) != _major(wanted.cuda):
        report.notes.append(f"torch is built for CUDA {built}, CUDA {wanted.cuda} was expected")
    if _major(built) > _major(report.driver_cuda):
        _driver_too_old(report, built)
    elif _numbers(built) > _numbers(report.driver_cuda) and "." in built:
        report.notes.append(
            f"the driver supports CUDA {report.driver_cuda}, the image is built for {built}: runs "
            "by minor version compatibility, but code that is compiled at run time (PTX) and "
            f"features that are new in {built} may need a newer driver"
        )


def _driver_too_old(report: Report, built: str) -> None:
    words = f"the driver supports CUDA {report.driver_cuda}, the image is built for CUDA {built}"
    if os.environ.get("VLLM_ENABLE_CUDA_COMPATIBILITY", "").lower() in ("1", "true"):
        report.notes.append(f"{words}: VLLM_ENABLE_CUDA_COMPATIBILITY may bridge that")
        return
    raise Failed("CudaDriverTooOld", words)


def torch_cuda(package: str, *, path: Sequence[str] | None = None) -> str:
    """Return the CUDA version that torch is built for, without its import; "" if not known."""
    spec = PathFinder.find_spec(package, path)
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "version.py"
        text = file.read_text("utf-8") if file.is_file() else ""
        if found := re.search(r"^cuda\b.*?=\s*['\"]([\d.]+)['\"]", text, re.M):
            return found[1]
    return ""


def _with_mask(error: CudaError) -> str:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return str(error) if hidden is None else f"{error}; CUDA_VISIBLE_DEVICES is {hidden!r}"


def _list_devices(report: Report, cuda: Driver) -> None:
    for index in range(cuda.count()):
        major, minor = cuda.compute_capability(index)
        report.devices.append(
            {
                "name": cuda.name(index),
                "memory_mib": cuda.memory(index) // 2**20,
                "compute_capability": f"{major}.{minor}",
            }
        )


def _check_count(wanted: argparse.Namespace, report: Report) -> None:
    seen = len(report.devices)
    if seen > wanted.gpus:
        report.notes.append(
            f"{seen} GPUs can be seen, the server uses {wanted.gpus}: the rest stays idle"
        )
    if seen >= wanted.gpus:
        return
    names = ", ".join(dict.fromkeys(device["name"] for device in report.devices))
    raise Failed(
        "TooFewDevices" if seen else "NoCudaDevice",
        f"{seen} of {wanted.gpus} GPUs can be seen{names and f': {names}'}",
    )


def _check_each(wanted: argparse.Namespace, report: Report) -> None:
    """Look at the GPUs that the server will use: the first ones."""
    for index, device in enumerate(report.devices[: wanted.gpus]):
        if _numbers(device["compute_capability"]) < _numbers(wanted.min_compute):
            raise Failed(
                "ComputeCapabilityTooLow",
                f"GPU {index}, {device['name']}, has compute capability "
                f"{device['compute_capability']}, the model needs {wanted.min_compute}",
            )
        if device["memory_mib"] < wanted.min_memory_mib * CUDA_SHARE:
            report.notes.append(
                f"GPU {index} has {device['memory_mib']} MiB, wanted were {wanted.min_memory_mib}"
            )
    if any(device != report.devices[0] for device in report.devices[: wanted.gpus]):
        report.notes.append("the GPUs are not all alike: the slowest one sets the pace")


def _check_peers(report: Report, cuda: Driver) -> None:
    """Say whether every GPU reaches every other; if not, traffic goes through host memory."""
    numbers = range(len(report.devices))
    pairs = [(one, other) for one in numbers for other in numbers if one != other]
    apart = [pair for pair in pairs if not cuda.reaches(*pair)]
    if not pairs:
        return
    report.peer_access = "None" if apart == pairs else "Some" if apart else "All"
    if apart:
        report.notes.append(
            f"{len(apart)} of {len(pairs)} ways from GPU to GPU have no direct access: they go "
            "through host memory and are slower"
        )


def _check_shm(wanted: argparse.Namespace, report: Report) -> None:
    try:
        found = os.statvfs(wanted.shm)
    except OSError as error:
        raise Failed("SharedMemoryTooSmall", f"there is no {wanted.shm} ({error})") from error
    size = found.f_blocks * found.f_frsize / GIB
    report.shm_gib = round(size, 2)
    if size < wanted.shm_gib:
        raise Failed(
            "SharedMemoryTooSmall",
            f"{wanted.shm} has {size:.2f} GiB, {wanted.shm_gib:.9g} are needed",
        )


def _check_cache(wanted: argparse.Namespace, report: Report) -> None:
    if not wanted.cache:
        return
    try:
        with tempfile.TemporaryFile(dir=wanted.cache) as file:
            file.write(b"written")
        found = os.statvfs(wanted.cache)
    except OSError as error:
        who = f"user {os.getuid()}, group {os.getgid()}"
        raise Failed(
            "CacheNotWritable", f"{wanted.cache} cannot be written by {who}: {error.strerror}"
        ) from error
    free = found.f_bavail * found.f_frsize / GIB
    if free < wanted.cache_gib:
        report.notes.append(
            f"{wanted.cache} has {free:.0f} GiB free, a cold start downloads up to "
            f"{wanted.cache_gib:g}: enough only if most of it is there already"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2])) if version else ()


def _major(version: str) -> int:
    return _numbers(version)[0]


def line_of(report: Report, *, reason: str, message: str) -> str:
    """Return the report as one line of JSON that fits a termination message."""
    found = {
        "probe": "gpu",
        "reason": reason,
        "message": message,
        "devices": report.devices,
        "driver_cuda": report.driver_cuda,
        "torch_cuda": report.torch_cuda,
        "shm_gib": report.shm_gib,
        "peer_access": report.peer_access,
        "notes": report.notes,
        **report.more,
    }
    for shorter in (
        {},
        {"devices": [*report.devices[:1], {"more": len(report.devices) - 1}]},
        {"notes": [note[:120] for note in report.notes[:4]]},
        {"message": message[:500]},
    ):
        found |= shorter
        if len((line := json.dumps(found)).encode()) < LINE_BYTES:
            break
    return line


def finish(report: Report, *, reason: str, message: str, termination_log: str) -> None:
    """Print the line and leave it where the kubelet looks for it."""
    line = line_of(report, reason=reason, message=message)
    print(line, flush=True)  # noqa: T201 - that is what it is for
    # Outside a pod there is no such file, and none is made.
    if Path(termination_log).exists():
        Path(termination_log).write_text(line, "utf-8")


def parser() -> argparse.ArgumentParser:
    """Return the options: what is wanted, and where to look."""
    made = argparse.ArgumentParser(prog="gpu-probe")
    made.add_argument("--gpus", type=int, default=1, help="how many are needed")
    made.add_argument("--cuda", default="", help="CUDA of the image where torch does not say")
    made.add_argument("--min-compute", default="", help="least compute capability, e.g. 8.0")
    made.add_argument("--min-memory-mib", type=int, default=0, help="memory of each GPU (a note)")
    made.add_argument("--shm-gib", type=float, default=0, help="least size of shared memory")
    made.add_argument("--shm", default="/dev/shm", help="where shared memory is")  # noqa: S108
    made.add_argument("--cache", default="", help="folder that must be writable")
    made.add_argument("--cache-gib", type=float, default=0, help="free space there (a note)")
    made.add_argument("--libcuda", default="libcuda.so.1", help="the driver's library")
    made.add_argument("--torch", default="torch", help="the package that tells its CUDA")
    made.add_argument("--timeout", type=float, default=120, help="seconds until it gives up")
    made.add_argument("--termination-log", default="/dev/termination-log", help="where to write")
    return made


def run(
    wanted: argparse.Namespace,
    *,
    checks: Sequence[Callable[[argparse.Namespace, Report], None]],
    success: str = "the GPUs are as wanted",
) -> int:
    """Run checks, report, return the exit code; end the process if the driver never answers."""
    report = Report()

    def end(reason: str, message: str) -> None:
        log = wanted.termination_log
        finish(report, reason=reason, message=message, termination_log=log)

    def give_up() -> NoReturn:
        end("DeviceBroken", f"the driver has not answered within {wanted.timeout:g} s")
        os._exit(1)

    # A call into a hung driver cannot be interrupted, only left behind.
    watchdog = threading.Timer(wanted.timeout, give_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        for check in checks:
            check(wanted, report)
    except Failed as failure:
        watchdog.cancel()
        end(failure.reason, str(failure))
        return 1
    watchdog.cancel()
    end("DevicesReady", success)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Look at the GPUs of this machine."""
    wanted = parser().parse_args(arguments)
    return run(wanted, checks=[look])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
