"""Play a life: a script on a real control plane with a real operator, under the eyes of the judge.

In: a plan and a factor. Out: a `Life`. Everything is started here and ended here.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bed import api as bed
from bed.nodes import load_shapes
from life.actor import Actor
from life.machines import Machines
from life.manners import documented_reasons
from life.probe import Probe
from life.referee import Referee
from life.report import Life
from life.script import HOUR, Act, Plan, write
from life.watching import Watching
from life.world import Event, Name
from support.api import GROUP, Api
from support.kubectl import ROOT
from support.operator_process import OperatorProcess
from support.rights import operator_account

NODES = Path(__file__).with_name("nodes.yaml")
NAMESPACE, PROBE = "life", "life-probe"
NODE_LOSS_SECONDS = 20
"""Real ones: fewer, and a busy machine loses nodes that are well."""
CALM_SECONDS = 120.0
"""How long the last news may take; far more than any back-off that delays a status."""

Say = Callable[[str], None]


def node_names() -> tuple[str, ...]:
    """Return the nodes that a script may lose."""
    return tuple(f"{s.name}-{n}" for s in load_shapes(NODES) for n in range(s.count))


def play(plan: Plan, *, factor: float, folder: Path, say: Say = lambda _: None) -> Life:
    """Live through the script once, on a control plane of its own."""
    cluster = bed.up(folder / "cluster", nodes=NODES, node_loss_s=NODE_LOSS_SECONDS)
    try:
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"))
        return _on(cluster, plan, factor=factor, folder=folder, say=say)
    finally:
        bed.down(folder / "cluster")


def _on(cluster: bed.Cluster, plan: Plan, *, factor: float, folder: Path, say: Say) -> Life:
    api, probe_api = Api(cluster.kubeconfig), Api(cluster.kubeconfig)
    for namespace in (NAMESPACE, PROBE):
        api.namespace(namespace)
    judge = Judge()
    log = folder / "operator.log"
    account = operator_account(admin=cluster.kubeconfig, folder=folder / "account")
    operator = OperatorProcess(kubeconfig=account, log=log)
    probe = Probe(probe_api, namespace=PROBE)
    machines = Machines(
        cluster, api=api, namespace=NAMESPACE, operator=operator, judge=judge, probe=probe
    )
    actor = Actor(api, namespace=NAMESPACE, factor=factor, machines=machines)
    began = time.monotonic()
    watching = Watching(cluster, collections=_collections(probe), listener=judge.listen(probe))
    with watching, probe, operator:
        acts = write(plan)
        _perform(acts, actor=actor, judge=judge, factor=factor, say=say)
        machines.wait()
        judge.wait_for_calm(CALM_SECONDS)
        ended = time.monotonic()
        # Before the operator is told to stop: from then on nobody keeps statuses true.
        judge.close()
        stopped = operator.stop()
    api.close()
    probe_api.close()
    errors = machines.errors + ([f"the operator ended with {stopped}"] if stopped else [])
    return Life(
        seed=plan.seed,
        hours=plan.hours,
        factor=factor,
        fleet=plan.fleet,
        real_seconds=ended - began,
        acts=Counter(act.what for act in acts),
        referee=judge.referee,
        round_trips=probe.seconds,
        settle=probe.settle(),
        refused=actor.refused,
        declined=len(actor.declined),
        errors=errors,
        log=log,
    )


def _perform(acts: list[Act], *, actor: Actor, judge: Judge, factor: float, say: Say) -> None:
    """Do each act when its time has come, or as soon as the one before is done."""
    began, told = time.monotonic(), 0
    for act in acts:
        judge.pause(began + act.at / factor)
        if kind := actor.kind(act.name):
            judge.tell(Name(kind, act.name), f"** {act}")
        actor.play(act)
        if act.at > (told + 1) * HOUR:
            told = int(act.at // HOUR)
            say(f"{told} of {acts[-1].at / HOUR:.1f} simulated hours")


class Judge:
    """The referee behind a lock: watches, script and machines each have their own thread."""

    def __init__(self) -> None:
        self.referee = Referee(documented=documented_reasons(ROOT))
        self._lock = threading.Lock()
        self._clock = threading.Event()
        self._closed = False

    def listen(self, probe: Probe) -> Callable[..., None]:
        """Return who takes events from the watches."""

        def listener(event: Event, *, now: float, wall: float, whole: bool) -> None:
            if event.kind == "Probe":
                probe.see(event)
                return
            with self._lock:
                if not self._closed:
                    self.referee.see(event, now=now, wall=wall, whole=whole)

        return listener

    def pause(self, until: float) -> None:
        """Let time go by: this is the life itself, not a wait for something."""
        self._clock.wait(max(0.0, until - time.monotonic()))

    def tell(self, name: Name, text: str) -> None:
        """Add to the history of a name."""
        with self._lock:
            self.referee.tell(name, time.monotonic(), text)

    def away(self, who: str, now: float) -> None:
        """See `Referee.away`."""
        with self._lock:
            self.referee.away(who, now)

    def back(self, who: str, now: float) -> None:
        """See `Referee.back`."""
        with self._lock:
            self.referee.back(who, now)

    def wait_for_calm(self, seconds: float) -> None:
        """Wait until every status is true, or until it is clear that one stays wrong."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with self._lock:
                if not self.referee.disagreeing():
                    return
            self._clock.wait(0.1)

    def close(self) -> None:
        """Judge no more."""
        with self._lock:
            self.referee.close(time.monotonic())
            self._closed = True


def _collections(probe: Probe) -> dict[str, Any]:
    ours = f"{GROUP}/namespaces/{NAMESPACE}"
    return {
        "CosmosGenerator": f"{ours}/cosmosgenerators",
        "CosmosReasoner": f"{ours}/cosmosreasoners",
        "Deployment": f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
        "ReplicaSet": f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets",
        "Pod": f"/api/v1/namespaces/{NAMESPACE}/pods",
        "Node": "/api/v1/nodes",
        "Probe": probe.collection,
    }
