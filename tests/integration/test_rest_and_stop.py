"""At rest nothing is written, not even about what fails for good; SIGTERM ends the operator.

The audit log of the API server is the witness: every request of the operator is in it.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bed import api as bed
from support.api import Api, condition, ready
from support.audit import AuditLog, in_short, is_about, is_refused, log_reads
from support.kubectl import ROOT
from support.operator_process import OperatorProcess
from support.resources import TOKEN, generator, reasoner, refused_by_the_hub, simulated
from support.rights import operator_account
from support.waiting import eventually

pytestmark = pytest.mark.cluster

RESOURCES = 100
BLOCKED = 5
REST_SECONDS = float(os.environ.get("COSMOS3_REST_SECONDS", "120"))
AT_REST = ("Serving", "InsufficientGPUs", "HuggingFaceLicenceNotAccepted")
LOOP = {"fail": "exit", "ready_after": "1s", "back_off": "1s"}
TROUBLED: dict[str, dict[str, Any]] = {
    "InvalidSpec": {"runtime": {"version": "9.9.9"}},
    "NoNodeFits": {"gpu": {"products": ["NVIDIA-B300"]}},
    "NameTaken": {},
    "ImagePullFailed": {"pod": simulated(fail="image-pull")},
    "ContainerFailed": {"pod": simulated(termination_message="no weights here", **LOOP)},
    "OutOfMemory": {"pod": simulated(reason="OOMKilled", **LOOP)},
}
"""What never gets better by itself, by the reason that it must come to rest with."""
LATER = {"ContainerFailed": "CrashLooping"}
"""What a reason becomes when the same happens again and again."""
LOADING = "loading"
MOST_WRITES = {LOADING: 6, "containerfailed": 3, "outofmemory": 3}
"""What is told in coarse steps: the time that is left, how often it has failed (3, 10, 30 …)."""
RESYNCS = 2
RESYNC_SECONDS = 5.0


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane that logs each request."""
    folder = tmp_path_factory.mktemp("audited") / "cluster"
    yield bed.up(folder, audit=True)
    bed.down(folder)


def test_nothing_is_written_at_rest_and_sigterm_ends_cleanly(
    audited: bed.Cluster, tmp_path: Path
) -> None:
    audited.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    audited.kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"))
    api = Api(audited.kubeconfig)
    namespace = api.namespace("rest")
    assert audited.audit_log is not None
    audit = AuditLog(audited.audit_log)
    kubeconfig = operator_account(admin=audited.kubeconfig, folder=tmp_path / "account")
    operator = OperatorProcess(
        kubeconfig=kubeconfig,
        log=tmp_path / "log",
        options=("--preflight-image=example/operator:1",),
    )
    with operator:
        _trouble(api, namespace)
        for number in range(RESOURCES):
            make = generator if number % 2 else reasoner
            # More than the nodes can hold: some serve, the rest wait for GPUs.
            api.create(make(f"r{number}", namespace))
        for number in range(BLOCKED):
            # Their Jobs fail again and again meanwhile.
            pod = refused_by_the_hub("HuggingFaceLicenceNotAccepted", job_back_off="3s")
            api.create(generator(f"b{number}", namespace, huggingFace=TOKEN, pod=pod))
        eventually(lambda: _unsettled(api, namespace), lambda left: left == [], what="rest")
        quiet, asked = _quiet(audit), len(audit.requests())
        time.sleep(REST_SECONDS)  # the observation itself, not a wait for something
        later = audit.writes()
        tried = [one for one in later[quiet:] if is_about(one, "nametaken")]
        assert len(tried) <= 2 + REST_SECONDS / 30
        assert all(map(is_refused, tried)), tried
        steps = [one for one in later[quiet:] if is_about(one, *MOST_WRITES)]
        for name, most in MOST_WRITES.items():
            assert len([one for one in steps if is_about(one, name)]) <= most, steps
        rest = [one for one in later[quiet:] if one not in (*tried, *steps)]
        assert list(map(in_short, rest)) == []
        assert len(later) >= RESOURCES * 4, "the log must show the writes of the beginning"
        assert log_reads(audit.requests()[asked:], _serving_pods(api, namespace)) == []
        assert operator.stop() == 0
    _resyncs_change_nothing(audit, kubeconfig, api=api, namespace=namespace, folder=tmp_path)
    api.close()


def _trouble(api: Api, namespace: str) -> None:
    """Create what cannot be served, while there are GPUs to fail on."""
    service = {"metadata": {"name": "nametaken-generator"}, "spec": {"ports": [{"port": 80}]}}
    api.post(f"/api/v1/namespaces/{namespace}/services", service)
    for reason, spec in TROUBLED.items():
        body = generator(reason.lower(), namespace, **spec)
        api.create(body)
        if spec.get("pod"):
            selector = f"app.kubernetes.io/instance={reason.lower()}"
            eventually(
                partial(api.pods, namespace, labelSelector=selector),
                _are_scheduled,
                what="a GPU to fail on",
            )
    api.create(generator(LOADING, namespace, pod=simulated(fail="never-ready")))


def _are_scheduled(pods: list[dict[str, Any]]) -> bool:
    return bool(pods) and all(pod["spec"].get("nodeName") for pod in pods)


def _unsettled(api: Api, namespace: str) -> list[str]:
    """Return who has not come to rest: crash loops have when they are called stalled."""
    expected = {one.lower(): {one, LATER.get(one)} for one in TROUBLED} | {LOADING: {"Starting"}}
    waiting = []
    for item in _resources(api, namespace):
        name, reason = item["metadata"]["name"], ready(item).get("reason")
        right = reason in expected[name] if name in expected else reason in AT_REST
        loops = "fail" in str(item["spec"].get("pod")) and "exit" in str(item["spec"].get("pod"))
        if not right or (name in expected and loops and not condition(item, "Stalled")):
            waiting.append(f"{name}: {reason}")
    return waiting


def _resources(api: Api, namespace: str) -> list[dict[str, Any]]:
    found = []
    for plural in ("cosmosgenerators", "cosmosreasoners"):
        listed = api.get(f"/apis/serving.cosmos3.io/v1alpha1/namespaces/{namespace}/{plural}")
        assert listed is not None
        found += listed["items"]
    return found


def _serving_pods(api: Api, namespace: str) -> list[dict[str, Any]]:
    pods = [pod for pod in api.pods(namespace) if condition(pod, "Ready").get("status") == "True"]
    assert pods, "some must serve, or this shows nothing"
    return pods


def _resyncs_change_nothing(
    audit: AuditLog, kubeconfig: Path, *, api: Api, namespace: str, folder: Path
) -> None:
    """Apply everything again and again: the API server has nothing to store, nobody hears of it."""
    before, began = _versions(api, namespace), len(audit.writes())
    deployments = [name for kind, name in before if kind == "Deployment"]
    operator = OperatorProcess(
        kubeconfig=kubeconfig,
        log=folder / "resyncs",
        options=(
            "--preflight-image=example/operator:1",
            f"--resync-seconds={RESYNC_SECONDS:g}",
        ),
    )
    with operator:
        found = eventually(
            lambda: audit.writes()[began:],
            lambda seen: _times_applied(seen, deployments) > RESYNCS,
            what="enough resyncs",
        )
        assert operator.stop() == 0
    assert [one for one in found if one["objectRef"]["resource"] == "events"] == []
    assert _versions(api, namespace) == before


def _times_applied(found: list[dict[str, Any]], names: list[str]) -> int:
    counts = Counter(
        one["objectRef"].get("name")
        for one in found
        if one["objectRef"]["resource"] == "deployments"
    )
    return min(counts[name] for name in names)


def _versions(api: Api, namespace: str) -> dict[tuple[str, str], str]:
    """Return versions of what the operator writes, without the Deployments' own churn."""
    found = {
        ("status", item["metadata"]["name"]): json.dumps(item.get("status"), sort_keys=True)
        for item in _resources(api, namespace)
        if item["metadata"]["name"] not in MOST_WRITES
    }
    return found | {
        (child["kind"], child["metadata"]["name"]): str(
            child["metadata"].get("generation", child["metadata"]["resourceVersion"])
        )
        for child in api.children(namespace)
    }


def _quiet(audit: AuditLog) -> int:
    """Count all writes once none has come for a while, so that the beginning is over."""
    seen: list[int] = []

    def look() -> list[str]:
        seen.append(len(audit.writes()))
        return [] if len(seen) > 50 and len(set(seen[-50:])) == 1 else _newest(audit)

    eventually(look, lambda newest: not newest, what="the end of the beginning")
    return seen[-1]


def _newest(audit: AuditLog) -> list[str]:
    """Return the last writes, for a failure to show who does not rest."""
    return [in_short(one) for one in audit.writes()[-20:]]
