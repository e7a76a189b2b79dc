"""Runs the GPU probe on real hardware, in as many situations as one machine can be brought into.

    python3 tests/probes/record.py --out DIR

Needs an NVIDIA GPU, torch with CUDA, nothing else; as root it also mounts a small tmpfs for a
moment. Takes a minute or two and writes DIR/recorded.json. Put that file under
tests/probes/recorded/, named after the hardware: test_recorded.py reads every file there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROBES = ROOT / "operator/src/cosmos3_operator/probes"
DEEP = ROOT / "images/preflight/deep.py"
CEILING_S = 100.0
STUB = Path("/usr/local/cuda/lib64/stubs/libcuda.so")
SMALL = "SMALL"
"""Stands for the folder of the small tmpfs in arguments."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One run of the probe, and the reason with which it must end."""

    reason: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    deep: bool = False
    gpus: int = 1
    """How many the machine must have."""
    needs: str = ""
    """What else it takes: `tmpfs` or `stub`."""


NO_TORCH = ("--torch", "no_such_torch")
FEW = {"CUDA_VISIBLE_DEVICES": "0"}

VARIANTS = {
    "normal": Variant(reason="DevicesReady", arguments=("--gpus", "1", "--min-compute", "8.0")),
    "as-in-a-pod": Variant(
        reason="DevicesReady",
        arguments=(
            *("--gpus", "1", "--cuda", "13", "--min-compute", "8.0", "--min-memory-mib", "70000"),
            *("--shm-gib", "0.01", "--cache", "/tmp", "--cache-gib", "0.1"),
        ),
    ),
    "torch-hidden": Variant(
        reason="DevicesReady", arguments=("--gpus", "1", "--cuda", "12", *NO_TORCH)
    ),
    "deep": Variant(reason="DevicesReady", arguments=("--gpus", "1"), deep=True),
    "two-wanted-one-visible": Variant(
        reason="TooFewDevices", arguments=("--gpus", "2"), environment=FEW
    ),
    "hundred-wanted": Variant(reason="TooFewDevices", arguments=("--gpus", "100")),
    "none-visible": Variant(
        reason="NoCudaDevice",
        arguments=("--gpus", "1"),
        environment={"CUDA_VISIBLE_DEVICES": ""},
    ),
    "libcuda-hidden": Variant(
        reason="NoCudaDevice", arguments=("--gpus", "1", "--libcuda", "libcuda-hidden.so.1")
    ),
    "libcuda-is-a-stub": Variant(
        reason="NoCudaDevice", arguments=("--gpus", "1", "--libcuda", str(STUB)), needs="stub"
    ),
    "driver-too-old": Variant(
        reason="CudaDriverTooOld", arguments=("--gpus", "1", "--cuda", "99", *NO_TORCH)
    ),
    "minor-version-newer": Variant(
        reason="DevicesReady", arguments=("--gpus", "1", "--cuda", "DRIVER.9", *NO_TORCH)
    ),
    "compute-capability": Variant(
        reason="ComputeCapabilityTooLow", arguments=("--gpus", "1", "--min-compute", "99.0")
    ),
    "memory-below-wish": Variant(
        reason="DevicesReady", arguments=("--gpus", "1", "--min-memory-mib", "9999999")
    ),
    "shm-larger-than-there-is": Variant(
        reason="SharedMemoryTooSmall", arguments=("--gpus", "1", "--shm-gib", "1000000")
    ),
    "shm-of-64-mib": Variant(
        reason="SharedMemoryTooSmall",
        arguments=("--gpus", "1", "--shm-gib", "2", "--shm", SMALL),
        needs="tmpfs",
    ),
    "cache-not-writable": Variant(
        reason="CacheNotWritable", arguments=("--gpus", "1", "--cache", "/proc")
    ),
    "deep-two-wanted-one-visible": Variant(
        reason="TooFewDevices", arguments=("--gpus", "2"), environment=FEW, deep=True
    ),
    "two": Variant(reason="DevicesReady", arguments=("--gpus", "2"), gpus=2),
    "one-of-two-used": Variant(reason="DevicesReady", arguments=("--gpus", "1"), gpus=2),
    "deep-two": Variant(reason="DevicesReady", arguments=("--gpus", "2"), gpus=2, deep=True),
    "deep-nccl-hangs": Variant(
        reason="NcclFailed",
        arguments=("--gpus", "2", "--nccl-timeout", "0.1"),
        gpus=2,
        deep=True,
    ),
}


def main() -> int:
    """Run every variant that this machine allows and write them down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with small_tmpfs() as (small, why):
        first = run(VARIANTS["normal"], small)
        seen = json.loads(first["stdout"] or "{}")
        gpus, driver = len(seen.get("devices", ())), seen.get("driver_cuda", "").split(".")[0]
        variants = {
            name: run(variant, small, driver=driver)
            for name, variant in VARIANTS.items()
            if possible(variant, gpus=gpus, small=small)
        }
    left_out = sorted(VARIANTS.keys() - variants.keys())
    found = {
        "machine": {**machine(), "gpus": gpus, "tmpfs": why or "mounted"},
        "left_out": left_out,
        "variants": variants,
    }
    file = out / "recorded.json"
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    wrong = 0 if gpus else 1
    for name, result in variants.items():
        reason = result["line"].get("reason")
        right = reason == VARIANTS[name].reason
        wrong += not right
        mark = "as expected" if right else f"NOT {VARIANTS[name].reason}: {result['stderr'][-300:]}"
        print(f"{name:28} {result['seconds']:6.2f} s  exit {result['exit_code']}  {reason}  {mark}")
    print(f"left out here: {', '.join(left_out) or 'nothing'}\nwritten: {file}")
    print(f"{gpus} GPUs; the first run said: {first['stdout'] or first['stderr']}")
    return 1 if wrong else 0


def possible(variant: Variant, *, gpus: int, small: Path | None) -> bool:
    """Tell whether this machine can be brought into that situation."""
    has = {"": True, "tmpfs": small is not None, "stub": STUB.exists()}
    return gpus >= variant.gpus and has[variant.needs]


def run(variant: Variant, small: Path | None, *, driver: str = "") -> dict[str, Any]:
    """Run one variant, as the pod or the preflight image does."""
    arguments = [word.replace("DRIVER", driver) for word in variant.arguments]
    here = [str(small) if word == SMALL else word for word in arguments]
    probe = [str(DEEP)] if variant.deep else ["-c", (PROBES / "gpu.py").read_text("utf-8")]
    with tempfile.NamedTemporaryFile() as termination:
        command = [sys.executable, *probe, *here, "--termination-log", termination.name]
        environment = {**os.environ, "PYTHONPATH": str(PROBES), **variant.environment}
        began = time.monotonic()
        try:
            done = subprocess.run(
                command,
                check=False,
                env=environment,
                capture_output=True,
                text=True,
                timeout=CEILING_S,
            )
            code, stdout, stderr = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired:
            code, stdout, stderr = None, "", f"not within {CEILING_S} s"
        seconds = round(time.monotonic() - began, 2)
        left = Path(termination.name).read_text("utf-8")
    return {
        "arguments": arguments,
        "environment": variant.environment,
        "seconds": seconds,
        "exit_code": code,
        "stdout": stdout,
        "stderr": stderr.replace(str(ROOT), ".")[-2000:],
        "termination_message": left,
        "line": parsed(stdout),
    }


def parsed(stdout: str) -> dict[str, Any]:
    """Return the probe's line, {} if that is not what was printed."""
    try:
        found = json.loads(stdout)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def small_tmpfs() -> Iterator[tuple[Path | None, str]]:
    """Mount 64 MiB, what a container has without a volume; yields None and why if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder]
        try:
            done = subprocess.run(mount, check=False, capture_output=True, text=True)
        except OSError as error:
            yield None, str(error)
            return
        if done.returncode:
            yield None, done.stderr.strip().replace(folder, "DIR")
            return
        try:
            yield Path(folder), ""
        finally:
            subprocess.run(["umount", folder], check=True)


def machine() -> dict[str, str]:
    """Return what matters for the record, and nothing that tells one machine from another."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        words = subprocess.run(
            query, check=False, capture_output=True, text=True, timeout=30
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        words = str(error)
    return {"python": platform.python_version(), "nvidia_smi": words}


if __name__ == "__main__":
    sys.exit(main())
