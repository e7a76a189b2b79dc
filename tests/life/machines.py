"""What happens to machines: nodes go and come back, the operator is killed, the server restarts.

In: a control plane of our own and an operator. Out: the same, disturbed; and to the judge, from
when to when somebody was away without whom no status can be right.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bed import processes
from bed.api import Cluster
from life.probe import Probe
from support.api import Api
from support.operator_process import OperatorProcess
from support.waiting import eventually

BACK_SECONDS = 120.0
"""Longer than any back-off between tries that an operator, a controller or a scheduler may have."""
_KEPT = ("name", "labels")
_LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


class Judge(Protocol):
    """Who must know."""

    def away(self, who: str, now: float) -> None: ...
    def back(self, who: str, now: float) -> None: ...


class Machines:
    """Breaks and mends."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        api: Api,
        namespace: str,
        operator: OperatorProcess,
        judge: Judge,
        probe: Probe,
    ) -> None:
        self._cluster = cluster
        self._api = api
        self._namespace = namespace
        self._operator = operator
        self._judge = judge
        self._probe = probe
        self._lost: dict[str, dict[str, Any]] = {}
        self._silent: set[str] = set()
        self._waiting: list[threading.Thread] = []
        self._server = _find_server(cluster)
        self.errors: list[str] = []

    # Nodes.

    def lose_node(self, name: str) -> None:
        """Take a machine away for good: its pods and its Node object vanish, nothing drains."""
        node = self._api.get(f"/api/v1/nodes/{name}")
        if node is None or name in self._silent:
            return
        self._lost[name] = node
        self._api.merge(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})
        for pod in self._api.pods(self._namespace, fieldSelector=f"spec.nodeName={name}"):
            path = f"/api/v1/namespaces/{self._namespace}/pods/{pod['metadata']['name']}"
            self._api.delete(f"{path}?gracePeriodSeconds=0")
        self._api.delete(f"/api/v1/nodes/{name}")

    def return_node(self, name: str) -> None:
        """Let a machine of the same name come back, empty."""
        node = self._lost.pop(name, None)
        if node is None:
            return
        kept = {key: node["metadata"][key] for key in _KEPT}
        capacity = {key: node["status"][key] for key in ("capacity", "allocatable", "nodeInfo")}
        body = {"apiVersion": "v1", "kind": "Node", "metadata": kept, "status": capacity}
        self._api.post("/api/v1/nodes", body)

    def silence_node(self, name: str) -> None:
        """Cut the power of a machine: nobody knows until its heartbeats are missed."""
        if self._api.get(f"/api/v1/nodes/{name}") is not None:
            self._cluster.silence(name)
            self._silent.add(name)

    def revive_node(self, name: str) -> None:
        """Let it come back, with what is still on it."""
        if name in self._silent:
            self._silent.remove(name)
            self._cluster.revive(name)

    # The operator.

    def kill_operator(self) -> None:
        """End it without asking."""
        self._judge.away("operator", time.monotonic())
        self._operator.kill()

    def start_operator(self) -> None:
        """Start it, and go on with life while it starts."""
        self._operator.start(wait=False)
        self._when(self._operator.wait_until_watching, "operator")

    # The API server.

    def restart_server(self) -> None:
        """Kill it, start it with the same words, and go on once it answers."""
        self._judge.away("server", time.monotonic())
        self._probe.pause()
        argv = Path(f"/proc/{self._server.pid}/cmdline").read_bytes().split(b"\0")[:-1]
        os.kill(self._server.pid, signal.SIGKILL)
        assert processes.wait_until(lambda: not self._server.alive, BACK_SECONDS)
        self._server = processes.spawn(
            "kube-apiserver",
            [os.fsdecode(word) for word in argv],
            log=self._cluster.dir / "logs" / "kube-apiserver.log",
            folder=self._cluster.dir,
        )
        eventually(self._server_answers, bool, what="the API server", seconds=BACK_SECONDS)
        self._probe.go_on()
        self._when(self._all_back, "server")

    def wait(self) -> None:
        """Wait until everybody is back."""
        for thread in self._waiting:
            thread.join(2 * BACK_SECONDS)

    def _all_back(self) -> None:
        """The controllers work again, and the operator says that it watches."""
        before = self._probe.answered
        eventually(lambda: self._probe.answered > before + 1, bool, what="controllers")
        eventually(self._operator_is_ready, bool, what="the operator", seconds=BACK_SECONDS)
        self._probe.count_again()

    def _when(self, happened: Callable[[], None], who: str) -> None:
        def wait() -> None:
            try:
                happened()
            except AssertionError as error:
                self.errors.append(f"{who} did not come back: {error}")
            self._judge.back(who, time.monotonic())

        thread = threading.Thread(target=wait, name=f"until {who} is back")
        self._waiting.append(thread)
        thread.start()

    def _server_answers(self) -> bool:
        try:
            return self._api.get("/readyz?verbose=") is not None
        except ValueError:  # it answers, with text
            return True
        except Exception:  # whatever the client makes of a closed port
            return False

    def _operator_is_ready(self) -> bool:
        port = listening_port(self._operator.log)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def listening_port(log: Path) -> int:
    """Return the port that the newest start of the operator says it listens on."""
    return int(_LISTENING.findall(log.read_text())[-1])


def _find_server(cluster: Cluster) -> processes.Process:
    (found,) = [
        process
        for process in processes.marked(cluster.dir)
        if process.pid == cluster.pids["kube-apiserver"]
    ]
    return found
