"""How long servers take to start, measured by the cluster's own clocks.

In: pods before and after each change. Out: at most one measurement for each run of a server's
container: from its start to the moment when its pod became Ready. What was Ready before this
process looked is not measured, nor is a run that only became Ready again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.serve.fleet import is_server

Body = Mapping[str, Any]
OnStartup = Callable[[str, float], None]
"""Called with kind and seconds."""


class Startups:
    """Remembers of each pod which run is done with, for as long as the pod exists."""

    def __init__(self, *, on_startup: OnStartup) -> None:
        self._on_startup = on_startup
        self._done: dict[str, str] = {}

    def on_pod(self, key: Key, old: Body | None, new: Body | None) -> None:
        """Take in a change of a pod."""
        if new is None:
            self._done.pop(_uid(old), None)
        elif is_server(new):
            self._look(key, old, new)

    def _look(self, key: Key, old: Body | None, new: Body) -> None:
        begun, ready = started_at(new), ready_since(new)
        if begun is None or self._done.get(_uid(new)) == begun:
            return
        if old is None and (ready or has_been_healthy(new)):
            self._done[_uid(new)] = begun
        elif ready:
            self._done[_uid(new)] = begun
            seconds = (_moment(ready) - _moment(begun)).total_seconds()
            self._on_startup(key.kind, max(0.0, seconds))


def started_at(pod: Body) -> str | None:
    """Return when the run of the server began that runs now."""
    for container in _servers(pod):
        running = (container.get("state") or {}).get("running") or {}
        return str(running["startedAt"]) if "startedAt" in running else None
    return None


def has_been_healthy(pod: Body) -> bool:
    """Whether this run has passed its startup probe: it may have been Ready before."""
    return any(container.get("started") for container in _servers(pod))


def ready_since(pod: Body) -> str | None:
    """Return since when the pod is Ready; None if it is not."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            return str(condition["lastTransitionTime"])
    return None


def _servers(pod: Body) -> list[Body]:
    # Admission may add containers of its own, before or after ours.
    found = (pod.get("status") or {}).get("containerStatuses") or ()
    return [container for container in found if container.get("name") == "server"]


def _uid(pod: Body | None) -> str:
    return str(((pod or {}).get("metadata") or {}).get("uid"))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
