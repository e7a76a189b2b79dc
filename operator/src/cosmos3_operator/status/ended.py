"""The newest end of a container, and which log tells of it.

In: a pod and one of its container statuses. Out: the `terminated` state that counts, and the
question for the log of that very run.

What the kubelet makes of a container that ended (kubelet_pods.go, `convertToAPIContainerStatuses`):
first `state.terminated`; then, with a reason such as CrashLoopBackOff, `state.waiting` and the same
end as `lastState.terminated`, and only a container that is made anew counts one restart more. The
log that is called previous is the one of `lastState.terminated` (`validateContainerLogStatus`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos3_operator.status.evidence import Evidence, LogAsk

STALLED_AFTER_RESTARTS = 3
"""A server that failed this often in the same way will not come up by itself."""


def newest_end(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the newest end of a container, None if it has not ended yet."""
    state, last = container.get("state") or {}, container.get("lastState") or {}
    return state.get("terminated") or last.get("terminated")


def succeeded(container: Mapping[str, Any]) -> bool:
    """Tell whether an init container is done: what it did before does not matter any more."""
    state = container.get("state") or {}
    return (state.get("terminated") or {}).get("exitCode") == 0


def is_stalled(container: Mapping[str, Any]) -> bool:
    """Tell whether a container failed so often that it will not come up by itself."""
    return int(container.get("restartCount") or 0) >= STALLED_AFTER_RESTARTS


def ended_log_ask(pod: Mapping[str, Any], container: Mapping[str, Any]) -> LogAsk | None:
    """Return the question for the log of the newest run that ended, None if none has."""
    if newest_end(container) is None:
        return None
    state, restarts = container.get("state") or {}, int(container.get("restartCount") or 0)
    return LogAsk(
        pod=str(pod.get("metadata", {}).get("name")),
        container=str(container.get("name")),
        run=restarts - 1 if _is_another_run(state) else restarts,
        is_previous="terminated" not in state,
        is_live=False,
    )


def ended_log(evidence: Evidence, pod: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Return the log of the newest run that ended, "" if it has not been read."""
    ask = ended_log_ask(pod, container)
    return evidence.logs.get(ask, "") if ask else ""


def _is_another_run(state: Mapping[str, Any]) -> bool:
    """Tell whether the container has been made anew since: it runs, or is about to (no reason)."""
    waiting = state.get("waiting")
    return "running" in state or (waiting is not None and not waiting.get("reason"))
