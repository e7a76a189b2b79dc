"""Turns node shapes (a small YAML file) into Node objects as a GPU cluster shows them.

In: ``nodes.yaml`` or a file of that form. Out: Node objects with the capacity that the device
plugin reports and the labels that NVIDIA's GPU feature discovery sets. Conditions and addresses
are left to kwok, which plays the kubelet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from bed.errors import BedError
from bed.versions import HERE, pinned

DEFAULT_SHAPES = HERE / "nodes.yaml"
SIMULATED = "bed.cosmos3.io/simulated"
"""The label of the nodes that kwok drives; real nodes beside them stay untouched."""

Json = dict[str, Any]
_PODS = "110"
_DISK = "3500Gi"


@dataclass(frozen=True)
class Shape:
    """One kind of node, as the file describes it: the names are the file's."""

    name: str
    product: str
    gpus: int
    memoryMiB: int  # noqa: N815
    count: int = 1
    driver: str = "580.95.05"
    cuda: str = "13.0"
    family: str = ""
    compute: str = ""
    cpu: str = "64"
    memory: str = "512Gi"
    taints: list[Json] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    def gpu_labels(self) -> dict[str, str]:
        """Return the labels that GPU feature discovery sets, old names and new ones."""
        driver = _parts(self.driver, 3)
        cuda = _parts(self.cuda, 2)
        compute = _parts(self.compute, 2)
        labels = {
            "gpu.present": "true",
            "gpu.product": self.product,
            "gpu.memory": str(self.memoryMiB),
            "gpu.count": str(self.gpus),
            "gpu.replicas": "1",
            "gpu.family": self.family,
            "gpu.compute.major": compute[0],
            "gpu.compute.minor": compute[1],
            "cuda.driver.major": driver[0],
            "cuda.driver.minor": driver[1],
            "cuda.driver.rev": driver[2],
            "cuda.runtime.major": cuda[0],
            "cuda.runtime.minor": cuda[1],
            "cuda.driver-version.full": self.driver,
            "cuda.driver-version.major": driver[0],
            "cuda.driver-version.minor": driver[1],
            "cuda.driver-version.revision": driver[2],
            "cuda.runtime-version.full": self.cuda,
            "cuda.runtime-version.major": cuda[0],
            "cuda.runtime-version.minor": cuda[1],
        }
        return {f"nvidia.com/{name}": value for name, value in labels.items() if value}

    def capacity(self) -> dict[str, str]:
        """Return the resources of one such node."""
        resources = {
            "cpu": self.cpu,
            "memory": self.memory,
            "ephemeral-storage": _DISK,
            "pods": _PODS,
        }
        if self.gpus:
            resources["nvidia.com/gpu"] = str(self.gpus)
        return resources


def load_shapes(path: Path) -> list[Shape]:
    """Read node shapes, and say what is wrong with a file that has none."""
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise BedError(f"cannot read node shapes from {path}: {error}") from error
    if not isinstance(raw, list) or not raw:
        raise BedError(f"{path} must be a list of node shapes; see {DEFAULT_SHAPES}")
    return [_shape(item, f"{path}, entry {number}") for number, item in enumerate(raw, 1)]


def manifests(shapes: list[Shape]) -> Iterator[Json]:
    """Yield the Node objects of all shapes."""
    for shape in shapes:
        for number in range(shape.count):
            yield _node(shape, f"{shape.name}-{number}")


def _parts(version: str, count: int) -> list[str]:
    """Split a version into so many parts, empty where it has fewer."""
    parts = version.split(".")[:count]
    return parts + [""] * (count - len(parts))


def _shape(item: object, where: str) -> Shape:
    known = {f.name: f for f in fields(Shape)}
    if not isinstance(item, dict):
        raise BedError(f"{where}: expected a mapping with {', '.join(known)}")
    unknown = sorted(set(item) - set(known))
    if unknown:
        raise BedError(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(known)}")
    required = [
        f.name for f in known.values() if f.default is MISSING and f.default_factory is MISSING
    ]
    for name in required:
        if name not in item:
            raise BedError(f"{where}: the field {name!r} is missing")
    # YAML reads 13.0 as a number, and a number is what a person writes there.
    texts = {name for name, f in known.items() if f.type == "str"}
    values: Json = {k: str(v) if k in texts else v for k, v in item.items()}
    return Shape(**values)


def _node(shape: Shape, name: str) -> Json:
    kubelet = f"v{pinned().kubernetes}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                SIMULATED: "true",
                **(shape.gpu_labels() if shape.gpus else {}),
                **shape.labels,
            },
        },
        "spec": {"taints": shape.taints} if shape.taints else {},
        "status": {
            "capacity": shape.capacity(),
            "allocatable": shape.capacity(),
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": f"kwok://{pinned().kwok}",
                "kernelVersion": "simulated",
                "kubeProxyVersion": kubelet,
                "kubeletVersion": kubelet,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "simulated by kwok",
                "systemUUID": "",
            },
        },
    }
