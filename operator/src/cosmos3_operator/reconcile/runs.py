"""Which run of a container a log belongs to: what is attributed to the wrong one misleads.

In: a pod as the watch shows it, a question about a log, the lines that came. Out: the identity of
the run that the kubelet would answer with, and the lines without their times, if they can be of it.

The API takes no number of a run, only “the previous one” or not, and the kubelet looks that up when
it is asked (kubelet_pods.go, validateContainerLogStatus): previous is the container of
`lastState.terminated`; otherwise the one that runs, else the one that ended, else the last one that
did. So a container that starts again between our look and the read makes the same question mean
another run. Two things tell: the status after the read names another run, or, where the watch is
behind the kubelet, the lines are younger than the end of the run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cosmos3_operator.status.evidence import LogAsk

Pod = Mapping[str, Any]

SLACK = timedelta(seconds=3)
"""Ends are told in whole seconds, and what a container wrote last is read from its pipe after it
ended: judgement."""
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d) ?", re.MULTILINE)
_KUBELET_FAILED = (
    "unable to retrieve container logs for ",
    "failed to try resolving symlinks in path ",
    "failed to open log file ",
)
"""The kubelet has sent 200 before it looks, so these come as the text itself (kuberuntime
container.go and cri-client logs.go; kubernetes pull request 140154)."""


def identify(pod: Pod, ask: LogAsk) -> str:
    """Name the run that the kubelet would answer with, "" if it has none."""
    container = _container(pod, ask.container)
    last = (container.get("lastState") or {}).get("terminated") or {}
    state = container.get("state") or {}
    if ask.is_previous:
        return _name(last)
    if running := state.get("running"):
        return _name({"containerID": container.get("containerID"), **running})
    return _name(state.get("terminated") or {}) or _name(last)


def node_of(pod: Pod) -> str:
    """Return the node whose kubelet has the log."""
    return str((pod.get("spec") or {}).get("nodeName") or "")


def lines_of(text: str, *, pod: Pod, ask: LogAsk) -> str | None:
    """Return the text without the times of its lines, None if it is not the log of this run."""
    stamps = list(_STAMP.finditer(text))
    if not stamps and text.startswith(_KUBELET_FAILED):
        return None
    ended, newest = _ended(pod, ask), _time("".join(stamps[-1].groups())) if stamps else None
    if ended and newest and newest > ended + SLACK:
        return None
    return _STAMP.sub("", text)


def _ended(pod: Pod, ask: LogAsk) -> datetime | None:
    if ask.is_live:
        return None
    container = _container(pod, ask.container)
    last = (container.get("lastState") or {}).get("terminated") or {}
    now = (container.get("state") or {}).get("terminated") or {}
    finished = (last if ask.is_previous else now or last).get("finishedAt")
    return _time(str(finished)) if finished else None


def _container(pod: Pod, name: str) -> Mapping[str, Any]:
    status = pod.get("status") or {}
    for group in ("containerStatuses", "initContainerStatuses"):
        for container in status.get(group) or ():
            if container.get("name") == name:
                return dict(container)
    return {}


def _name(run: Mapping[str, Any]) -> str:
    """Return the id of the container; where a node gives none, when it began and ended."""
    return str(run.get("containerID") or "|".join(str(run[k]) for k in _TIMES if k in run))


_TIMES = ("startedAt", "finishedAt")


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
