"""What a pass would like to know beyond what is watched.

In: the plan, the observation, the time. Out: `Asks`. Nothing is asked for while all is well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.ended import ended_log_ask, newest_end
from cosmos3_operator.status.evidence import Asks, LogAsk
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.pods import live_pods


def asks(plan: Plan, observation: Observation, /, *, now: datetime) -> Asks:
    """Ask for the log of the run that ended, of each container that failed."""
    return Asks(asks=tuple(ask for pod in live_pods(observation) for ask in _failed(pod)))


def _failed(pod: Mapping[str, Any]) -> Iterator[LogAsk]:
    status = pod.get("status") or {}
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(group) or ():
            has_failed = bool((newest_end(container) or {}).get("exitCode"))
            if has_failed and not container.get("ready") and (ask := ended_log_ask(pod, container)):
                yield ask
