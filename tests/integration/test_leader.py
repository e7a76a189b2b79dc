"""Several operators, one leader: whoever dies, stops or hangs is replaced, and no other works.

Their account has the chart's roles in one namespace, and nothing in the cluster.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.api import Api, ready
from support.operator_process import OperatorProcess
from support.resources import generator
from support.rights import operator_account
from support.waiting import eventually

pytestmark = pytest.mark.cluster

LEASE_SECONDS = 4


class Pair:
    """Two operators that know of each other by a Lease only."""

    def __init__(self, *, kubeconfig: Path, folder: Path, namespace: str, api: Api) -> None:
        self._api = api
        self._namespace = namespace
        options = (
            "--leader-elect",
            f"--leader-elect-seconds={LEASE_SECONDS}",
            f"--namespace={namespace}",
        )
        self.one, self.two = (
            OperatorProcess(kubeconfig=kubeconfig, log=folder / name, options=options)
            for name in ("one", "two")
        )

    def lease(self) -> dict[str, Any]:
        path = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/cosmos3-operator"
        found = self._api.get(path.format(self._namespace))
        assert found is not None
        return dict(found["spec"])

    def serves(self, name: str) -> None:
        """Show that somebody works: a new resource comes up."""
        body = self._api.create(generator(name, self._namespace))
        eventually(
            lambda: self._api.get(self._api.path(body)),
            lambda live: ready(live or {}).get("reason") == "Serving",
            what=f"{name} to serve",
        )

    @contextmanager
    def two_waiting(self) -> Iterator[None]:
        """Run the second one, which stands by."""
        self.two.start(wait=False)
        try:
            self.stands_by(self.two)
            yield
        finally:
            self.two.end()

    def stands_by(self, operator: OperatorProcess) -> None:
        eventually(
            lambda: operator.log.read_bytes().rpartition(b"standing by")[1],
            bool,
            what="the second one to stand by",
        )


@pytest.fixture
def pair(kubeconfig: Path, crds_installed: None, tmp_path: Path, namespace: str, api: Api) -> Pair:
    own = operator_account(
        admin=kubeconfig,
        folder=tmp_path,
        namespace=namespace,
        values={"watchNamespaces": [namespace]},
    )
    return Pair(kubeconfig=own, folder=tmp_path, namespace=namespace, api=api)


def test_a_killed_leader_is_replaced_and_a_stopped_one_hands_over(pair: Pair) -> None:
    with pair.one, pair.two_waiting():
        first = pair.lease()["holderIdentity"]
        pair.serves("a")
        pair.one.kill()
        pair.two.wait_until_watching()
        assert pair.lease()["holderIdentity"] != first
        pair.serves("b")
        pair.one.start(wait=False)
        pair.stands_by(pair.one)
        assert pair.two.stop() == 0
        pair.one.wait_until_watching()
        assert pair.lease()["leaseTransitions"] >= 2
        pair.serves("c")
        assert pair.one.stop() == 0
        assert pair.lease()["holderIdentity"] == ""


def test_a_leader_that_hung_ends_when_it_wakes_up(pair: Pair) -> None:
    with pair.one, pair.two_waiting():
        os.kill(pair.one.pid, signal.SIGSTOP)
        try:
            pair.two.wait_until_watching()
        finally:
            os.kill(pair.one.pid, signal.SIGCONT)
        assert pair.one.wait() == 1
        assert b"leadership lost" in pair.one.log.read_bytes()
        pair.serves("a")
        assert pair.two.stop() == 0


def test_a_standby_can_be_stopped(pair: Pair) -> None:
    with pair.one, pair.two_waiting():
        assert pair.two.stop() == 0
        pair.serves("a")
        assert pair.one.stop() == 0
