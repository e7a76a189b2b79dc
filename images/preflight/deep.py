"""Looks at GPUs as gpu.py does, and then makes them work: memory, a product, a sum over NCCL.

For platform engineers who want to know about a node before any model runs there. gpu.py beside it
asks the driver only; a GPU can look healthy and still compute nonsense or hang in its first
collective call. Needs torch.

In: the options of gpu.py, and --nccl-timeout. Out: the same line of JSON with the versions of
torch, CUDA and NCCL; exit code 0 or 1.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import gpu

SIDE = 1024
"""Of the square matrices: a product of ones is 1024 everywhere, which bf16 holds exactly."""

SHARE = 16
"""One part in so many of a GPU's memory is written: beyond any cache, yet done at once."""


def compute(wanted: argparse.Namespace, report: gpu.Report) -> None:
    """Take memory on each GPU, write it, and check a product."""
    torch = _torch(report)
    for index in range(wanted.gpus):
        try:
            right = _compute(torch, index)
        except RuntimeError as error:
            words = str(error).splitlines()[0]
            raise gpu.Failed("DeviceBroken", f"GPU {index} does not compute: {words}") from error
        if not right:
            raise gpu.Failed("DeviceBroken", f"GPU {index} computes wrong results")


def _torch(report: gpu.Report) -> Any:
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        raise gpu.Failed("TorchUnusable", f"torch cannot be imported: {error}") from error
    nccl = torch.cuda.nccl.version() if torch.distributed.is_nccl_available() else ()
    report.torch_cuda = str(torch.version.cuda)
    report.more |= {"torch": str(torch.__version__), "nccl": ".".join(map(str, nccl))}
    return torch


def _compute(torch: Any, index: int) -> bool:
    device = torch.device("cuda", index)
    memory = torch.cuda.get_device_properties(device).total_memory // SHARE
    filled = torch.full((memory,), 7, dtype=torch.uint8, device=device)
    ones = torch.ones((SIDE, SIDE), dtype=torch.bfloat16, device=device)
    product = ones @ ones
    torch.cuda.synchronize(device)
    return bool((filled == 7).all()) and bool((product == SIDE).all())


def collect(wanted: argparse.Namespace, report: gpu.Report) -> None:
    """Add numbers up over all GPUs by NCCL, one process for each."""
    if wanted.gpus < 2:
        return
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ranks = [_rank(wanted, Path(folder), rank) for rank in range(wanted.gpus)]
        try:
            _await(ranks, Path(folder), deadline=began + wanted.nccl_timeout)
        finally:
            for rank in ranks:
                rank.kill()
                rank.wait()
    report.more["nccl_seconds"] = round(time.monotonic() - began, 1)


def _rank(wanted: argparse.Namespace, folder: Path, rank: int) -> subprocess.Popen[bytes]:
    options = ["--gpus", str(wanted.gpus), "--nccl-timeout", str(wanted.nccl_timeout)]
    options += ["--rank", str(rank), "--store", str(folder / "store")]
    with (folder / f"{rank}.log").open("wb") as log:
        command = [sys.executable, __file__, *options]
        return subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - this very file


def _await(ranks: Sequence[subprocess.Popen[bytes]], folder: Path, *, deadline: float) -> None:
    """Wait for every rank; the first one that fails tells why, the others would only hang."""
    while pending := [rank for rank in ranks if rank.poll() is None]:
        if time.monotonic() > deadline or any(rank.returncode for rank in ranks):
            break
        time.sleep(0.1)
    failed = [index for index, rank in enumerate(ranks) if rank.returncode]
    if failed:
        lines = (folder / f"{failed[0]}.log").read_text("utf-8", "replace").split("\n")
        words = next((line for line in reversed(lines) if line.strip()), "without a word")
        raise gpu.Failed("NcclFailed", f"the process of GPU {failed[0]} failed: {words.strip()}")
    if pending:
        raise gpu.Failed(
            "NcclFailed",
            f"{len(pending)} of {len(ranks)} processes hang in all_reduce. Try NCCL_DEBUG=INFO, "
            "NCCL_P2P_DISABLE=1 and NCCL_IB_DISABLE=1 to see which way is blocked",
        )


def take_part(wanted: argparse.Namespace) -> int:
    """Be one rank: add up 1, 2, … over all GPUs. Returns 0 if the sum is right."""
    torch = importlib.import_module("torch")
    distributed = torch.distributed
    device = torch.device("cuda", wanted.rank)
    torch.cuda.set_device(device)
    distributed.init_process_group(
        "nccl",
        init_method=f"file://{wanted.store}",
        rank=wanted.rank,
        world_size=wanted.gpus,
        timeout=timedelta(seconds=wanted.nccl_timeout),
    )
    numbers = torch.full((SIDE, SIDE), float(wanted.rank + 1), device=device)
    distributed.all_reduce(numbers)
    right = bool((numbers == wanted.gpus * (wanted.gpus + 1) / 2).all())
    distributed.destroy_process_group()
    sys.stderr.write("" if right else "all_reduce gives a wrong sum\n")
    return 0 if right else 1


def main(arguments: Sequence[str]) -> int:
    """Look at the GPUs of this machine, and use them."""
    parser = gpu.parser()
    parser.set_defaults(timeout=300)
    parser.add_argument("--nccl-timeout", type=float, default=60, help="seconds for all_reduce")
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.rank is not None:
        return take_part(wanted)
    return gpu.run(wanted, checks=[gpu.look, compute, collect], success="the GPUs work")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
