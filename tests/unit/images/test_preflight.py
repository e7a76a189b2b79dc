"""The preflight image: what goes into it, and what its program says with a torch that obeys us."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cosmos3_operator.probes import gpu
from unit.test_layout import HASH, PIN, ROOT, URL, requirements_of

IMAGE = ROOT / "images" / "preflight"
DOCKERFILE = (IMAGE / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
H100 = "NVIDIA H100 80GB HBM3,81559,9,0"


def deep(libcuda: Path, mode: str, *arguments: str, gpus: int, exit_code: int) -> dict[str, Any]:
    """Run it on so many GPUs of our own making."""
    folders = (ROOT / "operator/src/cosmos3_operator/probes", ROOT / "tests/probes/fake_torch")
    done = subprocess.run(
        [sys.executable, str(IMAGE / "deep.py"), f"--gpus={gpus}", *arguments],
        check=False,
        env={
            "LD_LIBRARY_PATH": str(libcuda.parent),
            "FAKE_DRIVER": "13000",
            "FAKE_DEVICES": ";".join([H100] * gpus),
            "FAKE_TORCH": mode,
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stderr, done.returncode) == ("", exit_code)
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_gpus_that_work(libcuda: Path) -> None:
    found = deep(libcuda, "ok", gpus=2, exit_code=0)
    assert (found["reason"], found["message"]) == ("DevicesReady", "the GPUs work")
    assert (found["torch"], found["torch_cuda"], found["nccl"]) == (
        "2.11.0+cu130",
        "13.0",
        "2.28.9",
    )
    assert found["nccl_seconds"] >= 0
    assert len(found["devices"]) == 2


def test_one_gpu_needs_no_nccl(libcuda: Path) -> None:
    assert "nccl_seconds" not in deep(libcuda, "hang", gpus=1, exit_code=0)


@pytest.mark.parametrize(
    ("mode", "reason", "words"),
    [
        ("broken", "DeviceBroken", "GPU 0 does not compute: CUDA error: uncorrectable ECC error"),
        ("wrong", "DeviceBroken", "GPU 0 computes wrong results"),
        ("missing", "TorchUnusable", "libcudart.so.13"),
        ("rank", "NcclFailed", "GPU 1 failed: NCCL WARN Error while creating shared memory"),
        ("sum", "NcclFailed", "all_reduce gives a wrong sum"),
        ("hang", "NcclFailed", "2 of 2 processes hang in all_reduce"),
    ],
)
def test_gpus_that_do_not(libcuda: Path, mode: str, reason: str, words: str) -> None:
    timeout = "2" if mode == "hang" else "100"
    found = deep(libcuda, mode, f"--nccl-timeout={timeout}", gpus=2, exit_code=1)
    assert found["reason"] == reason
    assert words in found["message"]


def test_what_the_driver_says_comes_first(libcuda: Path) -> None:
    found = deep(libcuda, "missing", "--min-compute=10.0", gpus=1, exit_code=1)
    assert found["reason"] == "ComputeCapabilityTooLow"


def test_the_image_holds_what_it_starts_and_is_no_root() -> None:
    (copied,) = re.findall(r"^COPY (.*probes.*) /opt/preflight/$", DOCKERFILE, re.M)
    assert all((ROOT / name).is_file() for name in copied.split())
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.M)
    assert json.loads(entry) == ["python3", f"/opt/preflight/{Path(copied.split()[-1]).name}"]
    (user,) = re.findall(r"^USER (.*)$", DOCKERFILE, re.M)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_its_packages_are_pinned_with_hashes_and_name_no_host() -> None:
    text = (IMAGE / "requirements.txt").read_text("utf-8")
    assert [line for line in text.splitlines() if URL.search(line)] == []
    pins = [(pin, hashes) for pin, *hashes in requirements_of(text)]
    assert [pin for pin, hashes in pins if not PIN.fullmatch(pin) or not hashes] == []
    assert all(HASH.fullmatch(entry) for _, hashes in pins for entry in hashes)
    asked = re.findall(r"^torch==.*$", (IMAGE / "requirements.in").read_text("utf-8"), re.M)
    assert asked == [pin for pin, _ in pins if pin.startswith("torch==")]


def test_the_job_asks_the_program_for_what_it_asks_of_the_node() -> None:
    job = yaml.safe_load((ROOT / "examples/preflight/job.yaml").read_text("utf-8"))
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    wanted = gpu.parser().parse_args(container["args"])
    assert container["resources"]["limits"]["nvidia.com/gpu"] == str(wanted.gpus)
    assert pod["volumes"][0]["emptyDir"]["sizeLimit"] == f"{wanted.shm_gib:g}Gi"
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert f"USER {user}\n" in DOCKERFILE
