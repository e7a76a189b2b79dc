"""Another release of the operator restarts no model, nor does the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.api import Api, condition, ready
from support.operator_process import OTHER_RELEASE, PROGRAM, OperatorProcess
from support.resources import TOKEN, generator, reasoner, simulated
from support.settling import settled
from support.waiting import eventually

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
NOTE = "serving.cosmos3.io/runtime"
OLD, NEW = "vllm-omni 0.25.0", "vllm-omni 0.30.0"
NEXT_RELEASE = ("--default=Generator=vllm-omni/0.30.0", "--default=Reasoner=vllm/0.33.0")
BEFORE_THAT = ("--without=vllm-omni/0.30.0",)
QUICK = simulated(job_ready_after="100ms")

Release = Callable[..., Any]


@pytest.fixture
def release(kubeconfig: Path, crds_installed: None, tmp_path: Path) -> Release:
    """Run a release of the operator for a while; each begins by looking at everything."""

    @contextmanager
    def run(*options: str, image: str = "registry.example.com/op:1") -> Iterator[OperatorProcess]:
        process = OperatorProcess(
            kubeconfig=kubeconfig,
            log=tmp_path / "operator.log",
            options=(f"--preflight-image={image}", *options),
            program=OTHER_RELEASE if options else PROGRAM,
        )
        with process:
            yield process
            assert process.stop() == 0, process.log.read_text()

    return run


def child(api: Api, namespace: str, kind: str, name: str) -> Json | None:
    found = [c for c in api.children(namespace) if c["kind"] == kind]
    return next((c for c in found if c["metadata"]["name"].startswith(name)), None)


def note_of(api: Api, namespace: str, name: str) -> Json:
    deployment = child(api, namespace, "Deployment", name)
    assert deployment is not None
    noted: Json = json.loads(deployment["metadata"]["annotations"][NOTE])
    return noted


def servers(api: Api, namespace: str) -> dict[str, str]:
    """Every server's pod with its ReplicaSet: what a restart would change."""
    return {
        pod["metadata"]["uid"]: pod["metadata"]["ownerReferences"][0]["name"]
        for pod in api.pods(namespace)
        if not pod["metadata"]["labels"]["app.kubernetes.io/component"].endswith("-access")
    }


def replica_sets(api: Api, namespace: str) -> set[str]:
    found = api.get(f"/apis/apps/v1/namespaces/{namespace}/replicasets")
    return {item["metadata"]["name"] for item in (found or {}).get("items", ())}


def running(api: Api, namespace: str) -> tuple[dict[str, str], set[str]]:
    return servers(api, namespace), replica_sets(api, namespace)


def about_runtime(body: Json | None) -> list[str]:
    assert body is not None
    return [w for w in body["status"]["plan"]["warnings"] if w.startswith("runtime")]


def warned(api: Api, body: Json, words: str) -> Json:
    """Wait until the status of a resource has a warning, and return the resource."""
    found = eventually(
        lambda: api.get(api.path(body)),
        lambda seen: any(words in warning for warning in about_runtime(seen)),
        what=f"the warning {words!r}",
    )
    assert found is not None
    return found


def test_another_default_restarts_nothing_and_the_named_version_moves(
    api: Api, namespace: str, release: Release
) -> None:
    kept = generator("kept", namespace, huggingFace=TOKEN, pod=QUICK)
    seer = reasoner("seer", namespace, pod=QUICK)
    older = reasoner("older", namespace, pod=QUICK)
    with release():
        for body in (kept, seer, older):
            api.create(body)
        for body in (kept, seer, older):
            settled(api, body, "Serving")
        assert note_of(api, namespace, "kept")["version"] == "0.25.0"
        before = running(api, namespace)
        spec = api.get(api.path(kept))
    # As a release before the notes left it.
    older_path = f"/apis/apps/v1/namespaces/{namespace}/deployments/older-reasoner"
    notes = {NOTE: None, "serving.cosmos3.io/cuda": "13"}
    api.merge(older_path, {"metadata": {"annotations": notes}})

    with release(*NEXT_RELEASE):
        later = warned(api, kept, f"the default is now {NEW}: set spec.runtime.version to 0.30.0")
        assert ready(later) == ready(spec)
        assert later["metadata"]["generation"] == 1
        assert later["status"]["plan"]["runtime"] == OLD
        warned(api, seer, "the default is now vllm 0.33.0")
        warned(api, older, "the default is now vllm 0.33.0")
        assert note_of(api, namespace, "older")["version"] == "0.23.1"
        assert running(api, namespace) == before

        # Nor does a Deployment that leaves the operator's sight and is found again.
        managed_by = {"app.kubernetes.io/managed-by": None}
        api.merge(older_path, {"metadata": {"labels": managed_by}})
        eventually(
            lambda: child(api, namespace, "Deployment", "older"),
            lambda found: found is not None,
            what="the label being back",
        )
        settled(api, older, "Serving")
        assert running(api, namespace) == before

        # A mere number does not move it; new pods are like the old ones.
        api.merge(api.path(seer), {"spec": {"replicas": 2}})
        settled(api, seer, "Serving")
        assert replica_sets(api, namespace) == before[1]
        assert before[0].items() <= servers(api, namespace).items()

        # A new resource takes the new default; an old one that names it moves, and only that one.
        fresh = generator("fresh", namespace, guardrails={"mode": "Disabled"}, pod=QUICK)
        api.create(fresh)
        assert settled(api, fresh, "Serving")["status"]["plan"]["runtime"] == NEW
        others = {uid: owner for uid, owner in before[0].items() if "kept" not in owner}
        api.merge(api.path(kept), {"spec": {"runtime": {"version": "0.30.0"}}})
        moved = settled(api, kept, "Serving")
        assert moved["status"]["plan"]["runtime"] == NEW
        assert about_runtime(moved) == []
        now = servers(api, namespace)
        assert others.items() <= now.items()
        assert not {uid for uid, owner in before[0].items() if "kept" in owner} & now.keys()

        # Whoever removes the note has it decided anew.
        seer_path = f"/apis/apps/v1/namespaces/{namespace}/deployments/seer-reasoner"
        api.merge(seer_path, {"metadata": {"annotations": {NOTE: None}}})
        eventually(
            lambda: (api.get(api.path(seer)) or {})["status"]["plan"]["runtime"],
            lambda runtime: runtime == "vllm 0.33.0",
            what="a decision of today",
        )


def test_a_rolled_back_operator_leaves_alone_what_it_does_not_know(
    api: Api, namespace: str, release: Release
) -> None:
    body = generator("ahead", namespace, guardrails={"mode": "Disabled"}, pod=QUICK)
    with release(*NEXT_RELEASE):
        api.create(body)
        settled(api, body, "Serving")
        before = running(api, namespace)
        maps = {c["metadata"]["name"] for c in api.children(namespace) if c["kind"] == "ConfigMap"}
        assert maps

    with release(*BEFORE_THAT):
        back = warned(api, body, f"it runs {NEW} (vllm/vllm-omni:v0.30.0), which this version")
        assert ready(back)["status"] == "True"
        guardrails = condition(back, "GuardrailsInForce")
        assert (guardrails["status"], back["status"]["plan"]["runtime"]) == ("False", NEW)
        api.merge(api.path(body), {"spec": {"replicas": 2}})
        waits = settled(api, body, "RuntimeUnknown")
        assert "with 1 instead of 2 replicas" in ready(waits)["message"]
        api.merge(api.path(body), {"spec": {"replicas": 1}})
        settled(api, body, "Serving")
        assert running(api, namespace) == before
        left = {c["metadata"]["name"] for c in api.children(namespace) if c["kind"] == "ConfigMap"}
        assert left == maps, "the pods that serve mount it"

    with release(*NEXT_RELEASE):
        eventually(
            lambda: about_runtime(api.get(api.path(body))),
            lambda warnings: not warnings,
            what="the release that knows it",
        )
        assert running(api, namespace) == before

    with release(*BEFORE_THAT):
        api.merge(api.path(body), {"spec": {"runtime": {"version": "0.28.0"}}})
        named = settled(api, body, "Serving")
        assert named["status"]["plan"]["runtime"] == "vllm-omni 0.28.0"


def test_another_image_to_ask_the_hub_with_does_not_disturb_what_serves(
    api: Api, namespace: str, release: Release
) -> None:
    """The operator's own image is the usual one, so it changes with each release."""
    body = generator("asked", namespace, huggingFace=TOKEN, pod=QUICK)
    with release(image="registry.example.com/op:1"):
        api.create(body)
        settled(api, body, "Serving")
        before = running(api, namespace)
        deployment = child(api, namespace, "Deployment", "asked")
        old = child(api, namespace, "Job", "asked")
        assert deployment is not None
        assert old is not None

    seen: list[str] = []

    def asked_again() -> bool:
        found = api.get(api.path(body))
        assert found is not None
        seen.append(ready(found)["reason"])
        job = child(api, namespace, "Job", "asked")
        return (
            job is not None
            and job["metadata"]["uid"] != old["metadata"]["uid"]
            and condition(job, "Complete").get("status") == "True"
            and condition(found, "HubAccess")["status"] == "True"
        )

    with release(image="registry.example.com/op:2"):
        eventually(asked_again, bool, what="the answer to the new Job")
        assert set(seen) == {"Serving"}
        same = child(api, namespace, "Deployment", "asked")
        assert same is not None
        assert same["metadata"]["generation"] == deployment["metadata"]["generation"]
        assert running(api, namespace) == before
        jobs = [c for c in api.children(namespace) if c["kind"] == "Job"]
        assert len(jobs) == 1, "the older one is gone"
