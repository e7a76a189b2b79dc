"""The pinned versions: read from versions.yaml, the only place that states them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Versions:
    """What the bed is made of, and what building it costs."""

    kubernetes: str
    etcd: str
    kwok: str
    go_minimum: tuple[int, int]
    go_wheel: str
    kubectl_wheel: str
    core_minutes: float
    cache_mib: int
    build_mib: int

    @property
    def kubernetes_minor(self) -> tuple[int, int]:
        """Major and minor version of Kubernetes: what kubectl must agree with."""
        return minor_of(self.kubernetes)


def minor_of(version: str) -> tuple[int, int]:
    """Major and minor of ``v1.36.3``, ``1.36.3`` or ``1.36``."""
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()) or 0)


@cache
def pinned() -> Versions:
    """Read versions.yaml."""
    raw = yaml.safe_load((HERE / "versions.yaml").read_text())
    return Versions(
        kubernetes=raw["kubernetes"],
        etcd=raw["etcd"],
        kwok=raw["kwok"],
        go_minimum=minor_of(raw["goMinimum"]),
        go_wheel=raw["goWheel"],
        kubectl_wheel=raw["kubectlWheel"],
        core_minutes=raw["estimate"]["coreMinutes"],
        cache_mib=raw["estimate"]["cacheMiB"],
        build_mib=raw["estimate"]["buildMiB"],
    )
