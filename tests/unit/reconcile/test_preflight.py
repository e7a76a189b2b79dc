"""The real core on a fake API server: the Deployment comes after the Job, and not before."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.cli.run import pipeline
from cosmos3_operator.plan.settings import Settings
from fakes.loop import KEY, Bench, bench, run_async

ASKING = pipeline(Settings(preflight_image="example/operator:1"))
BLIND = pipeline(Settings())
RESOURCE: dict[str, Any] = {
    "apiVersion": "serving.cosmos3.io/v1alpha1",
    "kind": KEY.kind,
    "metadata": {"name": KEY.name, "namespace": KEY.namespace},
    "spec": {"model": "nvidia/Cosmos3-Nano", "huggingFace": {"tokenSecretRef": {"name": "t"}}},
}


def kinds(b: Bench) -> list[str]:
    return [write.split()[1].split("/")[0] for write in b.writes()]


def job_of(b: Bench) -> str:
    (name,) = [place.name for place in b.server.objects.stored if place.plural == "jobs"]
    return name


def complete(body: dict[str, Any]) -> None:
    body["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}


def test_the_deployment_comes_once_the_job_is_complete() -> None:
    async def main() -> None:
        async with bench(ASKING) as b:
            b.create(RESOURCE)
            await b.settle()
            assert kinds(b) == ["networkpolicies", "services", "jobs", "cosmosgenerators"]
            assert b.reason() == "CheckingAccess"
            b.server.objects.change(b.server.place("Job", "default", job_of(b)), complete)
            await b.settle()
            assert kinds(b) == ["deployments", "cosmosgenerators"]
            assert b.reason() == "RollingOut"

    run_async(main)


def test_another_model_means_another_job_and_the_old_one_is_pruned() -> None:
    async def main() -> None:
        async with bench(ASKING) as b:
            b.create(RESOURCE)
            await b.settle()
            first = job_of(b)
            b.server.objects.change(b.server.place("Job", "default", first), complete)
            await b.settle()
            before = b.live("Deployment", "super-generator")

            def another(body: dict[str, Any]) -> None:
                body["spec"]["model"] = "nvidia/Cosmos3-Super"

            b.server.objects.change(b.server.place(*KEY), another)
            await b.settle()
            assert job_of(b) != first
            assert b.live("Deployment", "super-generator") == before
            assert b.reason() == "CheckingAccess"

    run_async(main)


def test_nobody_waits_for_a_job_that_nobody_makes() -> None:
    async def main() -> None:
        async with bench(BLIND) as b:
            b.create(RESOURCE)
            await b.settle()
            assert kinds(b) == ["networkpolicies", "services", "deployments", "cosmosgenerators"]
            reasons = {one["type"]: one["reason"] for one in b.status()["conditions"]}
            assert reasons["HubAccess"] == "NotChecked"

    run_async(main)
