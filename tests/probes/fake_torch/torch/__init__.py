"""As much of torch as the preflight uses, on GPUs that are told by FAKE_TORCH how to behave.

ok, missing (it cannot be imported), broken (a call raises), wrong (a product is off), rank (one
process of NCCL fails), hang (in a sum), sum (it is off)
"""

import os
import sys
import time
from types import SimpleNamespace

MODE = os.environ["FAKE_TORCH"]
if MODE == "missing":
    raise ImportError("libcudart.so.13: cannot open shared object file")

__version__ = "2.11.0+cu130"
version = SimpleNamespace(cuda="13.0")
uint8 = bfloat16 = None


class Tensor:
    """A tensor that holds the same number everywhere."""

    def __init__(self, number):
        self.number = number

    def __matmul__(self, other):
        return Tensor(0 if MODE == "wrong" else 1024)

    def __eq__(self, number):
        return Tensor(self.number == number)

    __hash__ = None

    def all(self):
        return self.number


def full(shape, number, **where):
    return Tensor(number)


def ones(shape, **where):
    return Tensor(1)


def device(kind, index):
    return index


def synchronize(device):
    if MODE == "broken":
        raise RuntimeError("CUDA error: uncorrectable ECC error encountered\nCompile with ...")


def init_process_group(backend, *, init_method, rank, world_size, timeout):
    distributed.rank, distributed.size = rank, world_size


def all_reduce(tensor):
    if MODE == "hang":
        time.sleep(600)
    if MODE == "rank" and distributed.rank == 1:
        sys.exit("NCCL WARN Error while creating shared memory segment")
    total = distributed.size * (distributed.size + 1) / 2
    tensor.number = 0 if MODE == "sum" else total


cuda = SimpleNamespace(
    synchronize=synchronize,
    set_device=lambda device: None,
    get_device_properties=lambda device: SimpleNamespace(total_memory=2**30),
    nccl=SimpleNamespace(version=lambda: (2, 28, 9)),
)
distributed = SimpleNamespace(
    rank=0,
    size=1,
    is_nccl_available=lambda: True,
    init_process_group=init_process_group,
    all_reduce=all_reduce,
    destroy_process_group=lambda: None,
)
