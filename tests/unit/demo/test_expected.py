"""The demo can fail: a wrong state is never taken for a right one."""

from __future__ import annotations

from typing import Any

import pytest

from demo.expected import EXPECTED, Expected, is_settled, wrong_pods

SUPER: Expected = EXPECTED[0]
TOO_LARGE: Expected = EXPECTED[2]


def resource(**ready: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True", "reason": "Serving", "message": "with 8 GPUs"}
    access = {"type": "HubAccess", "status": "True", "reason": "AccessGranted"}
    return {
        "metadata": {"generation": 2},
        "status": {"observedGeneration": 2, "conditions": [condition | ready, access]},
    }


def pod(gpus: int, *, node: str | None = "gpu-0") -> dict[str, Any]:
    limits = {"nvidia.com/gpu": str(gpus)}
    spec: dict[str, Any] = {"containers": [{"resources": {"limits": limits}}]}
    return {"spec": spec | ({"nodeName": node} if node else {})}


def test_the_right_state_is_recognised() -> None:
    assert is_settled(SUPER, resource())
    assert wrong_pods(SUPER, [pod(8)]) is None
    assert wrong_pods(TOO_LARGE, [pod(16, node=None)]) is None


@pytest.mark.parametrize(
    "ready", [{"status": "False"}, {"reason": "Starting"}, {"message": "with 4 GPUs"}]
)
def test_another_condition_is_not_right(ready: dict[str, str]) -> None:
    assert not is_settled(SUPER, resource(**ready))


@pytest.mark.parametrize("access", [[], [{"type": "HubAccess", "reason": "NotChecked"}]])
def test_access_that_nobody_granted_is_not_right(access: list[dict[str, str]]) -> None:
    blind = resource()
    blind["status"]["conditions"][1:] = access
    assert not is_settled(SUPER, blind)


def test_a_status_about_an_older_generation_is_not_right() -> None:
    stale = resource()
    stale["status"]["observedGeneration"] = 1
    assert not is_settled(SUPER, stale)


def test_no_status_is_not_right() -> None:
    assert not is_settled(SUPER, {"metadata": {"generation": 1}})


@pytest.mark.parametrize("pods", [[], [pod(8), pod(8)], [pod(4)], [pod(8, node=None)]])
def test_other_pods_are_not_right(pods: list[dict[str, Any]]) -> None:
    assert wrong_pods(SUPER, pods) is not None
