"""Makes the phases of phases.yaml happen on a control plane, and asks each tool what it sees.

In: a cluster, and an operator that the test starts and stops. Out: what is recorded of each phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from argocd_health import resource_at
from support.api import Api, ready
from support.judge import judge
from support.kubectl import Kubectl
from support.waiting import eventually

Json = dict[str, Any]
Phase = Mapping[str, Any]

HOLD = "example.com/hold"
"""A finalizer: what is deleted stays for as long as it takes to look."""


@dataclass(frozen=True)
class Life:
    """The resources of one namespace."""

    api: Api
    kubectl: Kubectl
    namespace: str

    def begin(self, phase: Phase) -> None:
        """Create the resource of a phase, and what must be there before."""
        for body in phase.get("objects", ()):
            self.kubectl("apply", "-n", self.namespace, "-f", "-", stdin=yaml.safe_dump(body))
        self.api.create(self.body(phase))

    def befall(self, phase: Phase) -> None:
        """Let what is foreseen happen, once it serves."""
        then = phase.get("then", {})
        if then:
            self.await_reason(phase, "Serving")
        if "pods" in then:
            self._tell_pods(phase, then["pods"])
        if "spec" in then:
            self.api.merge(self.api.path(self.body(phase)), {"spec": then["spec"]})
        if "delete" in then:
            self._delete_slowly(phase)

    def play(self, phase: Phase) -> Json:
        """Give a resource the status of a golden moment, and ask every tool."""
        moment = resource_at(phase["golden"])
        named = {"name": phase["name"], "namespace": self.namespace}
        created = self.api.create(moment | {"metadata": named})
        path = self.api.path(created)
        self.api.merge(f"{path}/status", {"status": _about(moment["status"], created)})
        seen = self.look(phase)
        self.api.delete(path)
        return seen

    def look(self, phase: Phase) -> Json:
        """Wait for the phase, and ask every tool."""
        body = self._await(phase) if "reason" in phase else self.get(phase)
        return {**_judged(body), **self._waits(body)}

    def _await(self, phase: Phase) -> Json:
        self.await_reason(phase, phase["reason"])
        if "startup" not in phase:
            return self.get(phase)
        return eventually(
            lambda: self.get(phase),
            lambda seen: (seen["status"].get("startup") or {}).get("phase") == phase["startup"],
            what=f"{phase['name']}: {phase['startup']}",
        )

    def await_reason(self, phase: Phase, reason: str) -> Json:
        """Wait until Ready has the reason, about this spec unless nobody is there to look at it."""

        def holds(seen: Json) -> bool:
            metadata = seen["metadata"]
            is_new = seen["status"]["observedGeneration"] == metadata["generation"]
            left_alone = "operator" in phase or "deletionTimestamp" in metadata
            return ready(seen).get("reason") == reason and (is_new or left_alone)

        return eventually(
            lambda: self.get(phase), holds, what=f"{phase['name']}: Ready with reason {reason}"
        )

    def get(self, phase: Phase) -> Json:
        """Return the resource of a phase."""
        found = self.api.get(self.api.path(self.body(phase)))
        assert found is not None
        found["metadata"].pop("managedFields")
        return found

    def body(self, phase: Phase) -> Json:
        """Return the resource as it is applied."""
        words = {"ready-after": "300ms"} | phase.get("bed", {})
        usual = {
            "model": "nvidia/Cosmos3-Nano",
            "gpu": {"products": ["NVIDIA-H100-80GB-HBM3"]},
            "preflight": {"access": "Disabled"},
            "pod": {
                "annotations": {f"bed.cosmos3.io/{word}": text for word, text in words.items()}
            },
        }
        return {
            "apiVersion": "serving.cosmos3.io/v1alpha1",
            "kind": phase.get("kind", "CosmosGenerator"),
            "metadata": {"name": phase["name"], "namespace": self.namespace},
            "spec": usual | phase.get("spec", {}),
        }

    def wait(self, body: Json, what: str) -> str:
        """Ask `kubectl wait` once, without waiting: met, or it would wait."""
        resource = f"{body['kind'].lower()}/{body['metadata']['name']}"
        words = ("wait", "-n", self.namespace, resource, f"--for={what}", "--timeout=0s")
        said = self.kubectl(*words, check=False)
        met = "condition met" in said
        assert met != ("condition not met" in said), said
        return "met" if met else "waits"

    def let_go(self, phase: Phase) -> None:
        """Let a deletion end, if one waits."""
        path = self.api.path(self.body(phase))
        if self.api.get(path):
            self.api.merge(path, {"metadata": {"finalizers": None}})

    def _tell_pods(self, phase: Phase, words: Mapping[str, str]) -> None:
        annotations = {f"bed.cosmos3.io/{word}": text for word, text in words.items()}
        selector = f"app.kubernetes.io/instance={phase['name']}"
        for pod in self.api.pods(self.namespace, labelSelector=selector):
            path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"
            self.api.merge(path, {"metadata": {"annotations": annotations}})

    def _delete_slowly(self, phase: Phase) -> None:
        path = self.api.path(self.body(phase))
        self.api.merge(path, {"metadata": {"finalizers": [HOLD]}})
        self.api.delete(path)

    def _waits(self, body: Json) -> Json:
        return {
            "ready": self.wait(body, "condition=Ready"),
            "stalled": self.wait(body, "condition=Stalled"),
        }


def _about(status: Any, body: Json) -> Any:
    """Return a status that is about the generation of this resource."""
    if isinstance(status, list):
        return [_about(one, body) for one in status]
    if not isinstance(status, dict):
        return status
    generation = {"observedGeneration": body["metadata"]["generation"]}
    found = {name: _about(value, body) for name, value in status.items()}
    return found | (generation if "observedGeneration" in status else {})


def _judged(body: Json) -> Json:
    (found,) = judge([body])
    assert found.argo is not None
    why, starting = ready(body), body["status"].get("startup")
    says = f"{why['status']} {why['reason']}" if why else ""
    if starting and why["reason"] == "Starting":
        says += f" ({starting['phase']})"
    return {"says": says, "argo": found.argo.status, "kstatus": found.kstatus.status}
