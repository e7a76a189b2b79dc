"""Flux's own controllers, as processes beside the control plane.

In: a cluster's kubeconfig. Out: the source, kustomize and helm controllers at work in every
namespace, with a loopback address between them for what the first fetches.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gotools.find import find
from support.waiting import eventually

NAMESPACE = "flux-system"
_COMMON = ("--watch-all-namespaces", "--metrics-addr=0", "--log-encoding=console")
_STOP_SECONDS = 60.0


@contextmanager
def controllers(kubeconfig: Path, folder: Path) -> Iterator[None]:
    """Run all three for a block; their logs stay in the folder."""
    storage = f"127.0.0.1:{_free_port()}"
    artifacts = folder / "artifacts"
    artifacts.mkdir()
    words = {
        "source-controller": (
            f"--storage-path={artifacts}",
            f"--storage-addr={storage}",
            f"--storage-adv-addr={storage}",
        ),
        # Dependencies are looked at every 30 s otherwise. Without the gate, a revert waits until
        # the change before it has loaded or timed out.
        "kustomize-controller": (
            "--requeue-dependency=1s",
            "--feature-gates=CancelHealthCheckOnNewRevision=true",
        ),
        "helm-controller": ("--requeue-dependency=1s", "--graceful-shutdown-timeout=5s"),
    }
    with ExitStack() as stack:
        for name, own in words.items():
            stack.enter_context(_running(name, own, kubeconfig, folder))
        yield


@contextmanager
def _running(name: str, words: tuple[str, ...], kubeconfig: Path, folder: Path) -> Iterator[None]:
    health = f"127.0.0.1:{_free_port()}"
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "RUNTIME_NAMESPACE": NAMESPACE}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(find(name)), *_COMMON, f"--health-addr={health}", *words],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        eventually(
            lambda: (process.poll(), _listens(health)),
            lambda seen: seen[0] is not None or seen[1],
            what=f"the start of {name}",
        )
        assert process.poll() is None, (folder / f"{name}.log").read_text("utf-8")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=_STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as tried:
        return tried.connect_ex((host, int(port))) == 0
