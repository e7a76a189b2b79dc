"""What is read beside the watches, on a real API server: logs, events, free GPUs, refusals."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.kubeconfig import from_files
from cosmos3_operator.cluster.session import Sessions
from cosmos3_operator.diagnosis.redact import redact
from cosmos3_operator.reconcile.evidence import EvidenceReader
from cosmos3_operator.reconcile.fetch import Fetcher
from cosmos3_operator.reconcile.gather import FactsCache
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.status.ended import ended_log_ask
from cosmos3_operator.status.evidence import Ask, EventsAsk, Evidence, InventoryAsk, LogAsk
from support.api import Api, ready
from support.operator_process import OperatorProcess
from support.resources import reasoner, simulated
from support.rights import operator_account
from support.waiting import eventually

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
GPU = "nvidia.com/gpu"


def collect(kubeconfig: Path, key: Key, pods: Iterable[Json], asks: list[Ask]) -> Evidence:
    """Read as the operator does, with these pods on the watch."""

    async def main() -> Evidence:
        access = from_files([kubeconfig])
        sessions = Sessions(access, user_agent="cosmos3-tests")
        async with sessions.open(limit=8) as session:
            client = Client(session=session, server=access.server, manager="tests")
            store = Store()
            for pod in pods:
                store.put_pod(key, pod)
            facts = FactsCache(client=client, clock=time.monotonic)
            reader = EvidenceReader(
                fetcher=Fetcher(client=client, store=store, facts=facts, redact=redact),
                wake=lambda key, seconds: None,
                patience=60,
            )
            found = await reader.collect(key, asks)
            await reader.stop()
            return found

    return asyncio.run(main())


def key_in(namespace: str) -> Key:
    return Key("CosmosReasoner", namespace, "r")


def failing(namespace: str, name: str = "server", **words: str) -> Json:
    body = simulated(ready_after="100ms", fail="exit", back_off="1h", **words)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **body},
        "spec": {"containers": [{"name": "server", "image": "example/server:1"}]},
    }


def run(api: Api, body: Json) -> Json:
    """Run a pod until it waits to start again."""
    path = f"/api/v1/namespaces/{body['metadata']['namespace']}/pods"
    eventually(lambda: has_account(api, path), bool, what="the namespace's account")
    api.post(path, body)
    found = eventually(
        lambda: api.get(f"{path}/{body['metadata']['name']}"),
        lambda pod: "terminated" in container_of(pod).get("lastState", {}),
        what="the end of a container",
    )
    assert found is not None
    return found


def has_account(api: Api, path: str) -> bool:
    return api.get(path.replace("/pods", "/serviceaccounts/default")) is not None


def container_of(pod: Json | None) -> Json:
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or [{}]
    found: Json = statuses[0]
    return found


def ask_of(pod: Json) -> LogAsk:
    ask = ended_log_ask(pod, container_of(pod))
    assert ask is not None
    return ask


def test_the_log_of_a_run_that_ended_is_read(
    operator_kubeconfig: Path, api: Api, namespace: str
) -> None:
    pod = run(api, failing(namespace, log="gpu-out-of-memory"))
    ask = ask_of(pod)
    assert ask.is_previous
    text = collect(operator_kubeconfig, key_in(namespace), [pod], [ask]).logs[ask]
    assert "CUDA out of memory" in text
    assert len(text.splitlines()) > 300
    assert not text.startswith("20"), "the times of the lines are taken off"


def test_events_and_free_gpus_are_read(operator_kubeconfig: Path, api: Api, namespace: str) -> None:
    holder = failing(namespace, name="holder")
    holder["spec"]["containers"][0]["resources"] = {"limits": {GPU: "3"}}
    pod = run(api, holder)
    events, inventory = EventsAsk("Pod", "holder"), InventoryAsk(GPU)
    found = collect(operator_kubeconfig, key_in(namespace), [pod], [events, inventory])
    reasons = {event["reason"]: event for event in found.events[events]}
    assert {"Scheduled", "Started", "BackOff"} <= set(reasons)
    assert reasons["BackOff"]["type"] == "Warning"
    assert all(event["lastTimestamp"] and event["message"] for event in found.events[events])
    nodes = {node.name: node for node in found.inventory[inventory]}
    assert nodes[pod["spec"]["nodeName"]].free <= nodes[pod["spec"]["nodeName"]].gpus - 3
    assert nodes[pod["spec"]["nodeName"]].product.startswith("NVIDIA-")
    assert found.refused == ()


def test_a_log_that_is_not_there_is_missing_and_nothing_else(
    operator_kubeconfig: Path, api: Api, namespace: str
) -> None:
    pod = run(api, failing(namespace, log="no-such-log"))
    found = collect(operator_kubeconfig, key_in(namespace), [pod], [ask_of(pod)])
    assert found.logs == {}
    assert found.refused == ()


@pytest.fixture
def without_logs(kubeconfig: Path, namespace: str, tmp_path: Path) -> Path:
    """The way in of an account whose chart was installed with podLogs: false."""
    values = {"podLogs": False, "watchNamespaces": [namespace]}
    return operator_account(admin=kubeconfig, folder=tmp_path, namespace=namespace, values=values)


def test_an_account_that_may_read_no_logs_says_so(
    without_logs: Path, api: Api, namespace: str
) -> None:
    pod = run(api, failing(namespace, log="gpu-out-of-memory"))
    asks: list[Ask] = [ask_of(pod), EventsAsk("Pod", "server")]
    found = collect(without_logs, key_in(namespace), [pod], asks)
    assert found.refused == ("pods/log",)
    assert found.logs == {}
    assert found.events


def test_without_that_permission_the_status_tells_what_pods_say(
    without_logs: Path, api: Api, namespace: str, tmp_path: Path, crds_installed: None
) -> None:
    operator = OperatorProcess(
        kubeconfig=without_logs, log=tmp_path / "log", options=(f"--namespace={namespace}",)
    )
    words = {"fail": "exit", "exit_code": "3", "back_off": "1h"}
    pod = simulated(**words, ready_after="100ms", termination_message="last words")
    body = reasoner("limited", namespace, pod=pod)
    with operator:
        api.create(body)
        seen = eventually(
            lambda: api.get(api.path(body)),
            lambda seen: seen and "last words" in ready(seen).get("message", ""),
            what="the words of the pod in the status",
        )
        assert seen is not None
        assert ready(seen)["status"] == "False"
        eventually(
            operator.log.read_text,
            lambda text: "may not read pods/log" in text,
            what="a word",
        )
        assert operator.stop() == 0
    assert operator.log.read_text().count("may not read pods/log") == 1


class SilentKubelet:
    """Takes connections and never says a word; knows when the first of them was given up."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.asked = threading.Event()
        self.given_up: list[float] = []
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.asked.set()
            threading.Thread(target=self._hold, args=(connection,), daemon=True).start()

    def _hold(self, connection: socket.socket) -> None:
        with closing(connection):
            while connection.recv(4096):
                pass
        self.given_up.append(time.time())


@pytest.fixture
def silent(api: Api) -> Iterator[tuple[str, SilentKubelet]]:
    """A node whose kubelet does not answer, although it reports."""
    kubelet, path = SilentKubelet(), "/api/v1/nodes/gpu-l40s-0"
    before = api.get(path)
    assert before is not None
    try:
        api.merge(f"{path}/status", {"status": {"daemonEndpoints": endpoint(kubelet.port)}})
        yield "gpu-l40s-0", kubelet
    finally:
        status = {"daemonEndpoints": before["status"]["daemonEndpoints"]}
        api.merge(f"{path}/status", {"status": status})
        kubelet.close()


def endpoint(port: int) -> Json:
    return {"kubeletEndpoint": {"Port": port}}


def test_a_kubelet_that_does_not_answer_does_not_delay_the_fall(
    silent: tuple[str, SilentKubelet],
    api: Api,
    namespace: str,
    operator_kubeconfig: Path,
    tmp_path: Path,
    crds_installed: None,
) -> None:
    node, kubelet = silent
    pod = simulated(ready_after="100ms", back_off="1h")
    pod |= {"nodeSelector": {"kubernetes.io/hostname": node}}
    body = reasoner("falls", namespace, pod=pod)
    operator = OperatorProcess(
        kubeconfig=operator_kubeconfig,
        log=tmp_path / "log",
        options=(f"--namespace={namespace}",),
    )

    def wait_for(status: str) -> Json:
        seen = eventually(
            lambda: api.get(api.path(body)),
            lambda seen: seen and ready(seen).get("status") == status,
            what=f"Ready={status}",
        )
        assert seen is not None
        return seen

    with operator:
        api.create(body)
        wait_for("True")
        (live,) = api.pods(namespace)
        path = f"/api/v1/namespaces/{namespace}/pods/{live['metadata']['name']}"
        api.merge(path, {"metadata": {"annotations": {"bed.cosmos3.io/fail": "exit"}}})
        fallen = wait_for("False")
        eventually(kubelet.asked.is_set, bool, what="a question to the kubelet")
        eventually(lambda: kubelet.given_up, bool, what="the end of the first read")
        fell = datetime.fromisoformat(ready(fallen)["lastTransitionTime"].replace("Z", "+00:00"))
        assert fell.timestamp() < kubelet.given_up[0]
        assert operator.stop() == 0
