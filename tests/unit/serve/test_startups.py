"""Starts are measured once, by the cluster's clocks, and only those that were seen."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.serve.startups import Startups
from fakes.loop import KEY

T0, T1, T2, T3 = (f"2026-01-01T00:0{minute}:00Z" for minute in range(4))


class Rig:
    def __init__(self) -> None:
        self.found: list[tuple[str, float]] = []
        self.startups = Startups(
            on_startup=lambda kind, seconds: self.found.append((kind, seconds))
        )
        self.store = Store(on_pod=self.startups.on_pod)
        self.version = 0

    def see(
        self,
        *,
        begun: str | None,
        ready: str | None = None,
        healthy: bool = False,
        component: str = "generator",
    ) -> None:
        self.store.put_pod(KEY, self.pod(begun, ready, healthy, component))

    def pod(
        self, begun: str | None, ready: str | None, healthy: bool, component: str
    ) -> dict[str, Any]:
        self.version += 1
        state = {"running": {"startedAt": begun}} if begun else {"waiting": {}}
        sidecar = {"name": "sidecar", "state": {"running": {"startedAt": T0}}, "started": True}
        return {
            "metadata": {
                "name": "p",
                "uid": "p",
                "resourceVersion": str(self.version),
                "labels": {"app.kubernetes.io/component": component},
            },
            "status": {
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True" if ready else "False",
                        "lastTransitionTime": ready or T0,
                    }
                ],
                "containerStatuses": [
                    sidecar,
                    {"name": "server", "state": state, "started": bool(ready) or healthy},
                ],
            },
        }


def test_a_start_is_measured_once() -> None:
    rig = Rig()
    rig.see(begun=None)
    rig.see(begun=T1)
    rig.see(begun=T1, ready=T2)
    rig.see(begun=T1, ready=T2)
    assert rig.found == [("CosmosGenerator", 60)]
    rig.see(begun=T1, healthy=True)
    rig.see(begun=T1, ready=T3)
    assert len(rig.found) == 1, "it only became Ready again"
    rig.see(begun=T2)
    rig.see(begun=T2, ready=T3)
    assert len(rig.found) == 2, "its container was started again"


def test_what_was_ready_before_we_looked_is_not_measured() -> None:
    rig = Rig()
    rig.see(begun=T1, ready=T2)
    rig.see(begun=T1, healthy=True)
    rig.see(begun=T1, ready=T3)
    assert rig.found == []


def test_nor_is_what_may_have_been() -> None:
    rig = Rig()
    rig.see(begun=T1, healthy=True)
    rig.see(begun=T1, ready=T3)
    assert rig.found == []


def test_a_start_that_is_under_way_when_we_come_is_measured() -> None:
    rig = Rig()
    rig.see(begun=T1)
    rig.see(begun=T1, ready=T3)
    assert rig.found == [("CosmosGenerator", 120)]


def test_pods_that_look_first_are_no_servers() -> None:
    rig = Rig()
    rig.see(begun=T1, component="generator-access")
    rig.see(begun=T1, ready=T2, component="generator-access")
    assert rig.found == []


def test_nothing_is_remembered_of_a_pod_that_is_gone() -> None:
    rig = Rig()
    rig.see(begun=T1)
    rig.see(begun=T1, ready=T2)
    rig.store.drop_pod(KEY, "p", rig.pod(T1, T2, True, "generator"))
    assert rig.startups._done == {}
