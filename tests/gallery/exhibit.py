"""Makes one case happen on a real control plane, judges what the status says, and mends it.

In: a case, and a cluster with a running operator. Out: the text that a user sees, normalised. What
is wrong is raised as an AssertionError that shows the status.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import yaml

from bed.api import Cluster
from bed.logs import last_words
from gallery import recording
from gallery.cases import PREFIX, Case, Json
from support.api import Api, condition, ready
from support.kubectl import Kubectl
from support.waiting import PATIENCE_SECONDS, eventually

T = TypeVar("T")

LOOKS = 8
"""So many passes in a row must find nothing new to say."""

_FIELD = "status"
_ONE_PROGRAM = threading.Lock()
"""kubectl is started by one thread at a time: many at once are no faster on two cores, and some
sandboxes let a fork fail while another thread forks."""
_USUAL: Json = {
    "preflight": {"access": "Disabled"},
    "huggingFace": {"tokenSecretRef": {"name": "hf-token"}},
    "gpu": {"products": ["NVIDIA-H100-80GB-HBM3"]},
}
"""Only some cases are about access, or about nodes that are short of something."""
_SHORT = {"CosmosReasoner": "creason", "CosmosGenerator": "cgen"}


@dataclass(frozen=True)
class Exhibit:
    """One case in its own namespace."""

    case: Case
    cluster: Cluster
    api: Api
    kubectl: Kubectl
    patience: float = PATIENCE_SECONDS

    def run(self) -> str:
        """Let it fail, look, mend it; return what was seen."""
        self._prepare()
        self.api.create(self._body())
        self._strike()
        seen = self._failed()
        self._judge(seen)
        self._stays()
        self._judge_events(seen)
        text = self._record()
        self._mend()
        self.api.delete(self._path)
        return text

    @property
    def namespace(self) -> str:
        """The namespace, named after the case."""
        return self.case.name

    @property
    def _path(self) -> str:
        return self.api.path(self._body())

    def _prepare(self) -> None:
        labels = {"labels": self.case.labels}
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.namespace} | labels,
        }
        self._apply([namespace])
        account = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default"
        self._eventually(lambda: self.api.get(account), bool, "the namespace's service account")
        self._apply(self.case.objects)
        claims = f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims"
        self._eventually(
            lambda: (self.api.get(claims) or {}).get("items", []),
            lambda found: all(one["status"]["phase"] == "Bound" for one in found),
            "volumes for the claims that are there before",
        )

    def _apply(self, objects: list[Json]) -> None:
        if objects:
            text = yaml.safe_dump_all(objects)
            self._run("apply", "-n", self.namespace, "-f", "-", stdin=text)

    def _run(self, *words: str, stdin: str | None = None) -> str:
        with _ONE_PROGRAM:
            return self.kubectl(*words, stdin=stdin)

    def _power(self, switch: Callable[[str], None], node: str) -> None:
        with _ONE_PROGRAM:
            switch(node)

    def _body(self) -> Json:
        spec = _merged(self.case.spec, self.case.setting)
        spec = _merged(_USUAL, spec)
        words = {"ready-after": "300ms", "back-off": "1s"} | _with_last_words(self.case.bed)
        spec = _merged(spec, {"pod": {"annotations": _annotations(words)}})
        return {
            "apiVersion": "serving.cosmos3.io/v1alpha1",
            "kind": self.case.kind,
            "metadata": {"name": self.case.resource, "namespace": self.namespace},
            "spec": spec,
        }

    def _strike(self) -> None:
        """Let what serves be befallen."""
        then = self.case.then
        if then is None:
            return
        self._await("Serving")
        if then.pods:
            self._tell_pods(_with_last_words(then.pods))
        if then.silence:
            self._power(self.cluster.silence, then.silence)
        if then.spec:
            self.api.merge(self._path, {"spec": then.spec})

    def _tell_pods(self, words: Json) -> None:
        for pod in self.api.pods(self.namespace):
            patch = {"metadata": {"annotations": _annotations(words)}}
            self.api.merge(
                f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}", patch
            )

    def _get(self) -> Json:
        found = self.api.get(self._path)
        assert found is not None
        found["metadata"].pop("managedFields")  # nobody who reads about a failure wants these
        return found

    def _await(self, reason: str) -> Json:
        return self._eventually(
            self._get,
            lambda seen: (
                ready(seen).get("reason") == reason
                and seen[_FIELD]["observedGeneration"] == seen["metadata"]["generation"]
            ),
            f"Ready with reason {reason}",
        )

    def _failed(self) -> Json:
        """Wait until the status says what it must; what is read on demand comes a pass later."""
        expect = self.case.expect

        def says(seen: Json) -> bool:
            found = ready(seen)
            return (
                (found.get("reason"), found.get("status")) == (expect.reason, expect.ready)
                and all(words in found["message"] for words in expect.says)
                and (condition(seen, "Stalled").get("status") == "True") == expect.stalled
            )

        return self._eventually(self._get, says, f"{expect.reason} that says {expect.says}")

    def _judge(self, seen: Json) -> None:
        expect, message = self.case.expect, ready(seen)["message"]
        for type_, status in expect.conditions.items():
            found = condition(seen, type_)
            assert found.get("status") == status, (type_, found)
        for words in expect.absent:
            assert words not in message, message
        findings = seen[_FIELD].get("findings") or []
        if findings:
            assert findings[0]["reason"] == expect.reason, findings

    def _stays(self) -> None:
        """Cause passes until several in a row have written nothing: what flaps never rests.

        What a kubelet does meanwhile is up to it: it restarts, and tries images again.
        """
        quiet: list[Json] = []

        def looked() -> list[Json]:
            seen = self._cause_a_pass()
            if quiet[-1:] != [seen]:
                quiet.clear()
            quiet.append(seen)
            return quiet

        self._eventually(looked, lambda seen: len(seen) > LOOKS, "a status that rests")

    def _cause_a_pass(self) -> Json:
        """Change pods in a way that means nothing, and return the status after a moment.

        How far a start is belongs to one run of a container, and these come and go.
        """
        self._tell_pods({"look": uuid.uuid4().hex})
        return {name: value for name, value in self._get()[_FIELD].items() if name != "startup"}

    def _eventually(self, look: Callable[[], T], holds: Callable[[T], object], what: str) -> T:
        return eventually(look, holds, what=f"{self.case.name}: {what}", seconds=self.patience)

    def _judge_events(self, seen: Json) -> None:
        """Expect one Warning for each thing that went wrong, told once."""
        expected = {self.case.expect.reason, recording.CAUSE_UNKNOWN, *self.case.expect.events}
        told = [one for one in self._events(seen) if one["type"] == "Warning"]
        reasons = [str(one["reason"]) for one in told]
        assert set(reasons) <= expected, reasons

    def _events(self, seen: Json) -> list[Json]:
        listed = self.api.get(
            f"/api/v1/namespaces/{self.namespace}/events",
            fieldSelector=f"involvedObject.uid={seen['metadata']['uid']}",
        )
        assert listed is not None
        return list(listed["items"])

    def _record(self) -> str:
        kind, name = _SHORT[self.case.kind], self.case.resource
        listed = self._run("get", kind, name, "-n", self.namespace)
        described = self._run("describe", kind, name, "-n", self.namespace)
        return (
            f"$ kubectl get {kind} {name}\n{recording.listing(listed)}\n"
            f"$ kubectl describe {kind} {name}\n{recording.description(described)}"
        )

    def _mend(self) -> None:
        mend = self.case.mend
        if mend is None:
            return
        self._apply(mend.objects)
        for thing in mend.delete:
            self._run("delete", thing, "-n", self.namespace, "--wait=false")
        if mend.revive:
            self._power(self.cluster.revive, mend.revive)
        if mend.pods:
            self._tell_pods(mend.pods)
        if mend.spec:
            forgotten = {"pod": {"annotations": _annotations(dict.fromkeys(self.case.bed))}}
            self.api.merge(self._path, {"spec": _merged(mend.spec, forgotten)})
        self._await(mend.reason)


def _annotations(words: Json) -> Json:
    return {PREFIX + name: value for name, value in words.items()}


def _with_last_words(words: Json) -> Json:
    """Give a container that ends the termination message that its log makes."""
    name = words.get("previous-log") or words.get("log")
    if words.get("fail") in ("exit", "startup", "liveness") and name:
        return {"termination-message": last_words(name)} | words
    return words


def _merged(below: Json, above: Json) -> Json:
    """Merge two specs, field by field."""
    both = {
        name: _merged(below[name], above[name])
        for name in below.keys() & above.keys()
        if isinstance(below[name], dict) and isinstance(above[name], dict)
    }
    return below | above | both
