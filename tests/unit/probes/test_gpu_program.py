"""The GPU probe as pods run it: a process that loads a real library, by its source."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

SOURCE = (resources.files("cosmos3_operator.probes") / "gpu.py").read_text("utf-8")
H100 = "NVIDIA H100 80GB HBM3,81559,9,0"
L40S = "NVIDIA L40S,46068,8,9"


def probe(
    *arguments: str, environment: dict[str, str] | None = None, exit_code: int
) -> dict[str, Any]:
    """Run it; it prints one line and nothing else."""
    done = subprocess.run(
        [sys.executable, "-c", SOURCE, *arguments],
        check=False,
        env=environment or {},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stderr, done.returncode) == ("", exit_code)
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def on(libcuda: Path, *devices: str, **environment: str) -> dict[str, str]:
    return {
        "LD_LIBRARY_PATH": str(libcuda.parent),
        "FAKE_DRIVER": "13000",
        "FAKE_DEVICES": ";".join(devices),
        **environment,
    }


def test_here_is_no_gpu() -> None:
    found = probe("--gpus", "1", exit_code=1)
    assert (found["probe"], found["reason"]) == ("gpu", "NoCudaDevice")
    assert "libcuda.so.1" in found["message"]


def test_two_gpus_through_the_c_library(libcuda: Path) -> None:
    environment = on(libcuda, H100, L40S, FAKE_APART="1-0")
    found = probe("--gpus", "2", "--cuda", "13", environment=environment, exit_code=0)
    shm = found.pop("shm_gib")
    assert shm > 0
    assert found == {
        "probe": "gpu",
        "reason": "DevicesReady",
        "message": "the GPUs are as wanted",
        "devices": [
            {
                "name": "NVIDIA H100 80GB HBM3",
                "memory_mib": 81559,
                "compute_capability": "9.0",
            },
            {"name": "NVIDIA L40S", "memory_mib": 46068, "compute_capability": "8.9"},
        ],
        "driver_cuda": "13.0",
        "torch_cuda": "",
        "peer_access": "Some",
        "notes": [
            "the GPUs are not all alike: the slowest one sets the pace",
            "1 of 2 ways from GPU to GPU have no direct access: they go through host memory and "
            "are slower",
        ],
    }


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("cuInit=999", "DeviceBroken"),
        ("cuInit=100", "NoCudaDevice"),
        ("cuInit=804", "CudaDriverTooOld"),
        ("cuDriverGetVersion=34", "NoCudaDevice"),
        ("cuDeviceGetCount=3", "DeviceBroken"),
        ("cuDeviceGet=101", "DeviceBroken"),
        ("cuDeviceGetName=101", "DeviceBroken"),
        ("cuDeviceTotalMem_v2=214", "DeviceBroken"),
        ("cuDeviceGetAttribute=1", "DeviceBroken"),
        ("cuDeviceCanAccessPeer=101", "DeviceBroken"),
    ],
)
def test_every_call_may_fail(libcuda: Path, call: str, reason: str) -> None:
    environment = on(libcuda, H100, H100, FAKE_FAIL=call)
    found = probe("--gpus", "2", environment=environment, exit_code=1)
    name, _, code = call.partition("=")
    assert found["reason"] == reason
    assert f"{name} says {code}" in found["message"]


def test_the_drivers_own_name_of_an_error_is_told(libcuda: Path) -> None:
    known, unknown = (
        probe(environment=on(libcuda, H100, FAKE_FAIL=f"cuInit={code}"), exit_code=1)["message"]
        for code in ("999", "998")
    )
    assert known.startswith("cuInit says 999, CUDA_ERROR_UNKNOWN (")
    assert unknown == "cuInit says 998"


@pytest.mark.parametrize(
    ("mask", "reason", "words"),
    [
        ("0", "TooFewDevices", "1 of 2 GPUs can be seen"),
        ("", "NoCudaDevice", "CUDA_VISIBLE_DEVICES is ''"),
    ],
)
def test_hidden_devices(libcuda: Path, mask: str, reason: str, words: str) -> None:
    environment = on(libcuda, H100, H100, CUDA_VISIBLE_DEVICES=mask)
    found = probe("--gpus", "2", environment=environment, exit_code=1)
    assert found["reason"] == reason
    assert words in found["message"]


def test_a_driver_that_never_answers(libcuda: Path) -> None:
    environment = on(libcuda, H100, FAKE_HANG="cuInit")
    found = probe("--timeout", "0.5", environment=environment, exit_code=1)
    assert found["reason"] == "DeviceBroken"
    assert "has not answered within 0.5 s" in found["message"]


@pytest.mark.parametrize(("supports", "exit_code"), [("12040", 1), ("13000", 0)])
def test_torch_of_the_image_decides(
    libcuda: Path, tmp_path: Path, supports: str, exit_code: int
) -> None:
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "version.py").write_text("cuda: Optional[str] = '13.0'\n")
    environment = on(libcuda, H100, FAKE_DRIVER=supports, PYTHONPATH=str(tmp_path))
    found = probe("--cuda", "12", environment=environment, exit_code=exit_code)
    assert found["torch_cuda"] == "13.0"
    assert found["notes"] == ["torch is built for CUDA 13.0, CUDA 12 was expected"]


def test_vllms_own_compatibility_switch_makes_it_a_note(libcuda: Path) -> None:
    switch = {"VLLM_ENABLE_CUDA_COMPATIBILITY": "1"}
    environment = on(libcuda, H100, FAKE_DRIVER="12040", **switch)
    (note,) = probe("--cuda", "13", environment=environment, exit_code=0)["notes"]
    assert "supports CUDA 12.4" in note


def test_the_kubelet_gets_the_same_line(libcuda: Path, tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.touch()
    for words, exit_code in (("1", 0), ("2", 1)):
        arguments = ("--gpus", words, "--termination-log", str(file))
        found = probe(*arguments, environment=on(libcuda, H100), exit_code=exit_code)
        assert json.loads(file.read_text("utf-8")) == found


def test_outside_a_pod_no_file_is_left(libcuda: Path, tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    probe("--termination-log", str(file), environment=on(libcuda, H100), exit_code=0)
    assert not file.exists()


def test_the_source_fits_an_argument() -> None:
    # Linux takes 128 KiB in one argument, and everybody who describes a pod reads it.
    assert len(SOURCE.encode()) < 24 * 1024
