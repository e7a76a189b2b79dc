"""At rest nothing is written, and SIGTERM ends the operator cleanly."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bed import api as bed
from support.api import Api, ready
from support.kubectl import ROOT
from support.operator_process import OperatorProcess
from support.resources import TOKEN, generator, reasoner, refused_by_the_hub
from support.waiting import eventually

pytestmark = pytest.mark.cluster

RESOURCES = 100
BLOCKED = 5
REST_SECONDS = float(os.environ.get("COSMOS3_REST_SECONDS", "120"))
AT_REST = ("Serving", "InsufficientGPUs", "HuggingFaceLicenceNotAccepted")
WRITES = ("create", "update", "patch", "delete", "deletecollection")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane that logs each request."""
    folder = tmp_path_factory.mktemp("audited") / "cluster"
    yield bed.up(folder, audit=True)
    bed.down(folder)


def operator_writes(cluster: bed.Cluster) -> list[dict[str, Any]]:
    """Return what the operator wrote so far, as the API server's audit log has it."""
    assert cluster.audit_log is not None
    events = map(json.loads, cluster.audit_log.read_text().splitlines())
    return [
        event
        for event in events
        if event.get("userAgent", "").startswith("cosmos3-operator")
        and event["verb"] in WRITES
        and event["stage"] == "ResponseComplete"
    ]


def test_nothing_is_written_at_rest_and_sigterm_ends_cleanly(
    audited: bed.Cluster, tmp_path: Path
) -> None:
    audited.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    audited.kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"))
    api = Api(audited.kubeconfig)
    namespace = api.namespace("rest")
    operator = OperatorProcess(
        kubeconfig=audited.kubeconfig,
        log=tmp_path / "log",
        options=("--preflight-image=example/operator:1",),
    )
    with operator:
        for number in range(RESOURCES):
            make = generator if number % 2 else reasoner
            # More than the nodes can hold: some serve, the rest wait for GPUs.
            api.create(make(f"r{number}", namespace))
        for number in range(BLOCKED):
            # Their Jobs fail again and again meanwhile.
            pod = refused_by_the_hub("HuggingFaceLicenceNotAccepted", job_back_off="3s")
            api.create(generator(f"b{number}", namespace, huggingFace=TOKEN, pod=pod))
        eventually(lambda: _unsettled(api, namespace), lambda left: left == 0, what="rest")
        quiet = _quiet(audited)
        time.sleep(REST_SECONDS)  # the observation itself, not a wait for something
        later = operator_writes(audited)
        assert later[len(quiet) :] == []
        assert len(later) >= RESOURCES * 4, "the log must show the writes of the beginning"
        assert operator.stop() == 0
    api.close()


def _unsettled(api: Api, namespace: str) -> int:
    waiting = 0
    for plural in ("cosmosgenerators", "cosmosreasoners"):
        listed = api.get(f"/apis/serving.cosmos3.io/v1alpha1/namespaces/{namespace}/{plural}")
        assert listed is not None
        reasons = [ready(item).get("reason") for item in listed["items"]]
        waiting += sum(reason not in AT_REST for reason in reasons)
    return waiting


def _quiet(cluster: bed.Cluster) -> list[dict[str, Any]]:
    """Return all writes once none has come for a while, so that the beginning is over."""
    seen: list[int] = []

    def look() -> bool:
        seen.append(len(operator_writes(cluster)))
        return len(seen) > 50 and len(set(seen[-50:])) == 1

    eventually(look, bool, what="the end of the beginning")
    return operator_writes(cluster)
