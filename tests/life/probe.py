"""How long news takes on this machine at this time: from a write, through a controller, to a watch.

A Deployment without pods is changed about twice a second. The Deployment controller writes its
observedGeneration, which the observer sees by the same kind of watch as everything else. What a
status can be asked for is measured by this, so that a slow machine is no liar.
"""

from __future__ import annotations

import threading
import time
from itertools import count

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from life.world import Event
from support.api import Api

EVERY_SECONDS = 0.5
LEAST_SECONDS = 2.0
TIMES = 5.0
"""From a pod to the status of its resource it is two controllers, the operator and three writes:
about twice as far as the probe goes. The rest is for passes that stand in line."""
_LABELS = {"app": "probe"}
_BODY = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "probe"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": _LABELS},
        "template": {
            "metadata": {"labels": _LABELS},
            "spec": {"containers": [{"name": "none", "image": "example/none:1"}]},
        },
    },
}


class Probe:
    """Asks in a thread of its own; `see` takes what the watch says."""

    def __init__(self, api: Api, *, namespace: str) -> None:
        self._api = api
        self.collection = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self._began = 0.0
        self._seen = threading.Event()
        self._observed = 0
        self._stop = threading.Event()
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="probe")
        self._counts = True
        self._pauses = 0
        self.answered = 0
        self.seconds: list[float] = []

    def __enter__(self) -> Probe:
        self._api.post(self.collection, _BODY)
        self._running.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._running.set()
        self._thread.join(60)

    def pause(self) -> None:
        """Do not ask who cannot answer."""
        self._counts = False
        self._pauses += 1
        self._running.clear()

    def go_on(self) -> None:
        """Ask again, but measure nothing yet."""
        self._running.set()

    def count_again(self) -> None:
        """Measure again: everybody is back."""
        self._counts = True

    def see(self, event: Event) -> None:
        """Take in what the watch says about the probe."""
        self._observed = (event.body.get("status") or {}).get("observedGeneration", 0)
        self._seen.set()

    def settle(self) -> float:
        """Return how long a status may take to be true."""
        return max(LEAST_SECONDS, TIMES * quantile(self.seconds, 0.99))

    def _ask(self) -> None:
        for number in count(1):
            if self._stop.wait(EVERY_SECONDS):
                return
            self._running.wait()
            counts, pauses, began = self._counts, self._pauses, time.monotonic()
            if self._answered(number) and counts and pauses == self._pauses:
                self.seconds.append(time.monotonic() - began)

    def _answered(self, number: int) -> bool:
        """Ask, and wait for the answer, unless the server goes away meanwhile."""
        try:
            answer = self._api.merge(
                f"{self.collection}/probe", {"spec": {"minReadySeconds": number}}
            )
        except (ApiException, HTTPError):
            return False
        while self._running.is_set() and not self._stop.is_set():
            if self._observed >= answer["metadata"]["generation"]:
                self.answered += 1
                return True
            self._seen.wait(0.5)
            self._seen.clear()
        return False


def quantile(values: list[float], share: float) -> float:
    """Return the value that this share does not exceed, 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
