"""While a server starts, the status says how far it is, by the log that it writes."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.catalog.startup import Phase
from support.api import Api
from support.kubectl import Kubectl
from support.resources import generator, simulated
from support.settling import settled
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_a_start_is_followed_from_the_download_to_serving(
    api: Api, kubectl: Kubectl, namespace: str
) -> None:
    pod = simulated(fail="never-ready", log="generator-starts", log_pace="1")
    body = generator("slow", namespace, pod=pod)
    api.create(body)
    assert started(api, body, Phase.DOWNLOADING)["progress"].startswith("up to ")
    forget(api, namespace, "log-pace")
    assert started(api, body, Phase.WARMING_UP)["left"]
    assert "WarmingUp" in kubectl("get", "-n", namespace, "cgen", "slow")
    forget(api, namespace, "fail")
    assert "startup" not in settled(api, body, "Serving")["status"]


def started(api: Api, body: dict[str, Any], phase: Phase) -> dict[str, Any]:
    """Wait until a start has come to a phase."""
    found = eventually(
        lambda: api.get(api.path(body)),
        lambda seen: (seen or {}).get("status", {}).get("startup", {}).get("phase") == phase,
        what=f"a start that is {phase}",
    )
    assert found is not None
    status: dict[str, Any] = found["status"]["startup"]
    return status


def forget(api: Api, namespace: str, word: str) -> None:
    """Take a word back from the simulated pod."""
    (pod,) = api.pods(namespace)
    path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
    api.merge(path, {"metadata": {"annotations": {f"bed.cosmos3.io/{word}": None}}})
