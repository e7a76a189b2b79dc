"""Plays acts on a real control plane, as users, kubelets and bad luck would.

In: acts of the script. Out: requests; for a resource that is gone meanwhile, none. Simulated
durations are divided by the factor here, and nowhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes.client.exceptions import ApiException

from life.machines import Machines
from life.script import Act
from life.world import COMPONENTS, EDITION
from support.api import GROUP, Api
from support.resources import PLURALS, generator, reasoner

BED = "bed.cosmos3.io/"
DURATIONS = ("ready-after", "pull-time", "back-off")
WORDS = (*DURATIONS, "fail", "reason", "termination-message")
HOLD = "life.cosmos3.io/draining"
CREATE_SECONDS = 60.0
"""A name is free once its last holder is gone: in a foreground deletion, after its children."""
_TOO_LATE = "no new finalizers can be added if the object is being deleted"
FORGIVEN = (404, 409)
"""The script does not know what the cluster has done meanwhile: gone, or just changed."""


class Actor:
    """One act after the other, in the thread that calls."""

    def __init__(self, api: Api, *, namespace: str, factor: float, machines: Machines) -> None:
        self._api = api
        self._namespace = namespace
        self._factor = factor
        self._machines = machines
        self._kinds: dict[str, str] = {}
        self._edition = 0
        self._stopped = threading.Event()
        self.declined: list[str] = []
        self._acts: Mapping[str, Callable[[Act], None]] = {
            "create": self._create,
            "mend-spec": self._roll,
            "roll": self._roll,
            "change": self._change,
            "scale": self._scale,
            "delete": self._delete,
            "annotate-pods": self._annotate,
            "mend-pods": self._mend_pods,
            "delete-pod": self._delete_pod,
            "hold-pods": self._hold,
            "release-pods": self._release,
            "lose-node": lambda act: machines.lose_node(act.name),
            "return-node": lambda act: machines.return_node(act.name),
            "silence-node": lambda act: machines.silence_node(act.name),
            "revive-node": lambda act: machines.revive_node(act.name),
            "kill-operator": lambda act: machines.kill_operator(),
            "start-operator": lambda act: machines.start_operator(),
            "restart-server": lambda act: machines.restart_server(),
        }

    def play(self, act: Act) -> None:
        """Do it; note it where the cluster declines."""
        try:
            self._acts[act.what](act)
        except ApiException as error:
            self.declined.append(f"{error.status} {act}: {error.body}")

    @property
    def refused(self) -> list[str]:
        """Return what the API server refused for another reason than that time has gone on."""
        return [one for one in self.declined if int(one.split()[0]) not in FORGIVEN]

    def kind(self, name: str) -> str:
        """Return the kind of the resource that has this name, "" if it is a node's."""
        return self._kinds.get(name, "")

    # Resources.

    def _create(self, act: Act) -> None:
        kind = self._kinds[act.name] = act.more["kind"]
        make = generator if kind == "CosmosGenerator" else reasoner
        body = make(act.name, self._namespace, **act.more["spec"])
        body["spec"]["pod"] = {"annotations": self._annotations(act.more["fate"])}
        for _ in range(int(CREATE_SECONDS * 10)):
            try:
                self._api.create(body)
                return
            except ApiException as error:
                if error.status != 409:
                    raise
            self._stopped.wait(0.1)
        raise AssertionError(f"{act.name} was not free within {CREATE_SECONDS:g} s")

    def _roll(self, act: Act) -> None:
        fate = dict.fromkeys(f"{BED}{word}" for word in WORDS) | self._annotations(act.more["fate"])
        self._merge(act, {"pod": {"annotations": fate}})

    def _change(self, act: Act) -> None:
        self._merge(act, {**act.more["spec"], "pod": {"annotations": self._annotations({})}})

    def _scale(self, act: Act) -> None:
        path = f"{self._path(act.name)}/scale"
        self._api.merge(path, {"spec": {"replicas": act.more["replicas"]}})

    def _delete(self, act: Act) -> None:
        self._api.delete(f"{self._path(act.name)}?propagationPolicy={act.more['propagation']}")

    def _merge(self, act: Act, spec: dict[str, Any]) -> None:
        self._api.merge(self._path(act.name), {"spec": spec})

    def _annotations(self, fate: Mapping[str, str]) -> dict[str, str]:
        """Return what pods carry: their fate, and which edition of the spec they are of."""
        self._edition += 1
        return self._fate(fate) | {EDITION: str(self._edition)}

    def _fate(self, fate: Mapping[str, str]) -> dict[str, str]:
        return {
            f"{BED}{word}": self._real(float(value)) if word in DURATIONS else value
            for word, value in fate.items()
        }

    def _real(self, simulated: float) -> str:
        return f"{max(1, round(simulated / self._factor * 1000))}ms"

    def _path(self, name: str) -> str:
        return f"{GROUP}/namespaces/{self._namespace}/{PLURALS[self._kinds[name]]}/{name}"

    # Pods.

    def _annotate(self, act: Act) -> None:
        pods = self._pods(act.name)
        for pod in pods[:1] if act.more["pods"] == "one" else pods:
            self._patch(pod, {"annotations": self._fate(act.more["words"])})

    def _mend_pods(self, act: Act) -> None:
        words = dict.fromkeys(f"{BED}{word}" for word in WORDS) | self._fate(act.more["fate"])
        for pod in self._pods(act.name):
            self._patch(pod, {"annotations": words})

    def _delete_pod(self, act: Act) -> None:
        for pod in self._pods(act.name)[:1]:
            self._api.delete(self._pod_path(pod))

    def _hold(self, act: Act) -> None:
        for pod in self._pods(act.name):
            if "deletionTimestamp" not in pod["metadata"]:
                self._patch(pod, {"finalizers": [HOLD]})

    def _release(self, act: Act) -> None:
        for pod in self._pods(act.name):
            self._patch(pod, {"finalizers": None})

    def _patch(self, pod: Mapping[str, Any], metadata: dict[str, Any]) -> None:
        try:
            self._api.merge(self._pod_path(pod), {"metadata": metadata})
        except ApiException as error:
            if error.status not in FORGIVEN and _TOO_LATE not in str(error.body):
                raise

    def _pods(self, name: str) -> list[dict[str, Any]]:
        component = COMPONENTS[self._kinds[name]]
        selector = f"app.kubernetes.io/instance={name},app.kubernetes.io/component={component}"
        pods = self._api.pods(self._namespace, labelSelector=selector)
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def _pod_path(self, pod: Mapping[str, Any]) -> str:
        return f"/api/v1/namespaces/{self._namespace}/pods/{pod['metadata']['name']}"
