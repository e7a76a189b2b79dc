"""One pass after another on a fake API server: what is written, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cosmos3_operator.cluster.errors import Unavailable
from cosmos3_operator.reconcile.kinds import COMPONENT
from cosmos3_operator.status.observe import ChildRef
from fakes import toy
from fakes.loop import KEY, RESYNC, Bench, bench, run_async

BOTH = {"PATCH services/super", "PATCH deployments/super"}
STATUS = "PATCH cosmosgenerators/super/status"


async def settled(b: Bench, **spec: Any) -> None:
    b.create(toy.resource(**spec))
    await b.settle()
    b.writes()


def test_a_new_resource_gets_children_and_a_status() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource())
            await b.settle()
            assert b.writes() == ["PATCH services/super", "PATCH deployments/super", STATUS]
            assert b.status()["observedGeneration"] == 1
            assert b.reason() == "Starting"

    run_async(main)


def test_nothing_is_read_on_the_happy_path_but_nodes() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource())
            await b.settle()
            assert [one.path for one in b.server.asked if one.method == "GET"] == ["/api/v1/nodes"]

    run_async(main)


def test_at_rest_nothing_is_written_and_own_events_cause_no_pass() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource())
            await b.deliver()
            await b.take_all()
            await b.run()
            await b.deliver()
            assert b.queue.depth == 0
            b.writes()
            await b.run()
            assert b.writes() == []

    run_async(main)


def test_events_that_arrive_before_the_answers_cause_no_pass_either() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource())
            await b.deliver()
            await b.take_all()
            passes: list[int] = []

            async def watch_early(*args: Any) -> None:
                await b.deliver()
                passes.append(b.queue.depth)

            send = b.reconciler._client.send

            async def send_and_watch(request: Any) -> Any:
                answer = await send(request)
                await watch_early()
                return answer

            b.reconciler._client.send = send_and_watch  # type: ignore[method-assign]
            await b.run()
            assert passes
            assert set(passes) == {0}
            assert b.queue.depth == 0

    run_async(main)


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "Deployment"])
def test_a_deleted_child_comes_back(kind: str) -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b, children=["Service", "ConfigMap", "Deployment"])
            b.server.objects.delete(b.server.place(kind, "default", "super"))
            await b.settle()
            assert b.live(kind) is not None

    run_async(main)


def _change_value(body: dict[str, Any]) -> None:
    body["spec"]["value"] = "by hand"


def _drop_owner(body: dict[str, Any]) -> None:
    body["metadata"]["ownerReferences"] = []


def _drop_label(body: dict[str, Any]) -> None:
    body["metadata"]["labels"]["app.kubernetes.io/instance"] = "another"


def _leave_the_selection(body: dict[str, Any]) -> None:
    del body["metadata"]["labels"]["app.kubernetes.io/managed-by"]


@pytest.mark.parametrize("kind", ["Service", "Deployment"])
@pytest.mark.parametrize("change", [_change_value, _drop_owner, _drop_label, _leave_the_selection])
def test_drift_is_repaired(kind: str, change: Any) -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)
            before = b.live(kind)
            b.server.objects.change(b.server.place(kind, "default", "super"), change)
            await b.settle()
            after = b.live(kind)
            assert before is not None
            assert after is not None
            assert after["spec"] == before["spec"]
            assert after["metadata"]["labels"] == before["metadata"]["labels"]
            assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]
            b.writes()
            assert not (await b.run()).has_moved
            assert b.writes() == []

    run_async(main)


def test_drift_costs_one_request() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)
            place = b.server.place("Deployment", "default", "super")
            b.server.objects.apply(
                place,
                {"metadata": {}, "spec": {"value": "taken"}},
                manager="somebody",
                force=True,
            )
            await b.settle()
            assert b.writes() == ["PATCH deployments/super"]

    run_async(main)


def test_status_churn_of_a_child_is_not_drift() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)

            def ready(body: dict[str, Any]) -> None:
                body["status"] = {"readyReplicas": 1}

            b.server.objects.change(b.server.place("Deployment", "default", "super"), ready)
            await b.settle()
            assert b.writes() == [STATUS]
            assert b.reason() == "Serving"

    run_async(main)


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "PersistentVolumeClaim", "Deployment"])
def test_a_foreign_object_is_never_touched(kind: str) -> None:
    async def main() -> None:
        async with bench() as b:
            place = b.server.place(kind, "default", "super")
            foreign = {
                "apiVersion": "v1",
                "kind": kind,
                "metadata": {"name": "super", "namespace": "default"},
            }
            before = b.server.objects.create(place, foreign)
            b.create(toy.resource(children=sorted({"Service", "ConfigMap", "Deployment", kind})))
            await b.settle()
            assert b.live(kind) == before
            assert b.status()["conditions"][0]["message"] == f"{kind}: NameTaken"
            others = {"Service", "ConfigMap", "Deployment"} - {kind}
            assert all(b.live(one) for one in others)

    run_async(main)


def test_a_foreign_object_with_our_labels_is_not_touched_either() -> None:
    async def main() -> None:
        async with bench() as b:
            body = toy.resource(children=["ConfigMap"])
            foreign = toy.manifest(
                {**body, "metadata": {**body["metadata"], "uid": "x"}}, "ConfigMap"
            )
            del foreign["metadata"]["ownerReferences"]
            place = b.server.place("ConfigMap", "default", "super")
            before = b.server.objects.create(place, foreign)
            await settled(b, children=["ConfigMap"])
            assert b.live("ConfigMap") == before

    run_async(main)


def test_existing_children_that_no_watch_has_shown_yet_are_taken_up() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)
            uid = b.live("Deployment")["metadata"]["uid"]  # type: ignore[index]
            b.store.lose("Deployment", KEY, ChildRef("Deployment", "super"), uid)
            place = b.server.place("Deployment", "default", "super")
            b.server.objects.change(place, _change_value)
            # What is noted on it was not known when this pass was planned: the next one knows.
            assert (await b.run()).has_moved
            assert b.live("Deployment")["spec"] == {"value": "by hand"}  # type: ignore[index]
            outcome = await b.run()
            assert (outcome.result, outcome.has_moved) == ("success", False)
            assert b.live("Deployment")["spec"] == {"value": "1"}  # type: ignore[index]

    run_async(main)


def test_what_the_plan_no_longer_wants_is_deleted() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b, children=["Job", "ConfigMap", "Deployment"])

            def without(body: dict[str, Any]) -> None:
                body["spec"]["children"] = ["Deployment"]

            b.server.objects.change(b.server.place(*KEY), without)
            await b.settle()
            deletes = [one for one in b.server.writes() if one.method == "DELETE"]
            assert {one.path.rsplit("/", 2)[1] for one in deletes} == {"jobs", "configmaps"}
            assert all(one.body["preconditions"]["uid"] for one in deletes)
            assert all(one.body["propagationPolicy"] == "Background" for one in deletes)
            assert b.live("ConfigMap") is None
            assert b.live("Deployment") is not None

    run_async(main)


def test_a_service_or_a_deployment_is_never_deleted() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b, children=["Service", "Deployment"])

            def without(body: dict[str, Any]) -> None:
                body["spec"]["children"] = []

            b.server.objects.change(b.server.place(*KEY), without)
            await b.settle()
            assert [one for one in b.server.writes() if one.method == "DELETE"] == []

    run_async(main)


def test_a_retained_claim_is_neither_pruned_nor_lost() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b, children=["PersistentVolumeClaim"], retain=True)
            claim = b.live("PersistentVolumeClaim")

            def without(body: dict[str, Any]) -> None:
                body["spec"]["children"] = []

            b.server.objects.change(b.server.place(*KEY), without)
            await b.settle()
            assert b.live("PersistentVolumeClaim") == claim
            b.server.objects.delete(b.server.place(*KEY))
            await b.settle()
            b.create(toy.resource(children=["PersistentVolumeClaim"], retain=True, value=2))
            await b.settle()
            taken = b.live("PersistentVolumeClaim")
            assert taken is not None
            assert claim is not None
            assert taken["metadata"]["uid"] == claim["metadata"]["uid"]
            assert taken["spec"] == {"value": "2"}

    run_async(main)


def test_an_invalid_resource_keeps_its_children() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)

            def broken(body: dict[str, Any]) -> None:
                body["spec"]["invalid"] = True

            b.server.objects.change(b.server.place(*KEY), broken)
            await b.settle()
            assert b.writes() == [STATUS]
            assert b.reason() == "InvalidSpec"
            assert b.live("Deployment") is not None

    run_async(main)


def test_a_deleted_resource_is_left_to_garbage_collection() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)

            def terminating(body: dict[str, Any]) -> None:
                body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

            b.server.objects.change(b.server.place(*KEY), terminating)
            await b.settle()
            b.server.objects.delete(b.server.place(*KEY))
            b.server.objects.delete(b.server.place("Deployment", "default", "super"))
            await b.settle()
            assert b.writes() == []

    run_async(main)


def test_a_recreated_resource_takes_over_the_children_of_its_predecessor() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)
            old = b.live("Deployment")
            b.server.objects.delete(b.server.place(*KEY))
            b.create(toy.resource(value=2))
            await b.settle()
            new, body = b.live("Deployment"), b.live(KEY.kind)
            assert old is not None
            assert new is not None
            assert body is not None
            assert new["metadata"]["uid"] == old["metadata"]["uid"]
            assert [one["uid"] for one in new["metadata"]["ownerReferences"]] == [
                body["metadata"]["uid"]
            ]
            assert new["spec"] == {"value": "2"}

    run_async(main)


def test_the_status_of_a_dead_resource_never_lands_on_its_successor() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource())
            await b.deliver()
            b.server.objects.delete(b.server.place(*KEY))
            b.create(toy.resource(invalid=True))
            await b.run()
            assert "status" not in b.live(KEY.kind)  # type: ignore[operator]
            assert b.store.is_doubtful(KEY)
            await b.settle()
            assert b.reason() == "InvalidSpec"

    run_async(main)


def test_a_resource_deleted_unseen_is_looked_up_and_forgotten() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource())
            await b.deliver()
            b.server.objects.delete(b.server.place(*KEY))
            await b.run()
            assert (await b.run()).result == "gone"
            b.writes()
            assert (await b.run()).result == "gone"
            assert b.writes() == []

    run_async(main)


def test_tampering_with_the_status_is_repaired() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)

            def lie(body: dict[str, Any]) -> None:
                body["status"]["children"] = 7

            b.server.objects.change(b.server.place(*KEY), lie)
            await b.settle()
            assert b.writes() == [STATUS]
            assert b.status()["children"] == 2

    run_async(main)


def test_a_status_that_the_server_changes_is_written_once() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)

            def add(body: dict[str, Any]) -> None:
                body["status"]["foreign"] = "kept by another manager"

            b.server.objects.change(b.server.place(*KEY), add)
            await b.settle()
            b.writes()
            for _ in range(3):
                await b.run()
            assert b.writes() == []

    run_async(main)


def test_labels_and_annotations_of_the_resource_cause_no_pass() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)

            def label(body: dict[str, Any]) -> None:
                body["metadata"]["labels"] = {"a": "b"}

            b.server.objects.change(b.server.place(*KEY), label)
            await b.deliver()
            assert b.queue.depth == 0

    run_async(main)


@pytest.mark.parametrize("code", [403, 404, 422])
def test_a_refused_child_does_not_stop_the_others(code: int) -> None:
    async def main() -> None:
        async with bench() as b:
            b.server.fail(lambda one: one.path.endswith("services/super"), code, reason="Nope")
            b.create(toy.resource())
            await b.deliver()
            outcome = await b.run()
            assert outcome.must_retry
            assert b.live("Deployment") is not None
            assert b.status()["conditions"][0]["message"] == "Service: Nope"

    run_async(main)


@pytest.mark.parametrize("code", [429, 500, 503])
def test_an_unavailable_server_leaves_the_status_alone(code: int) -> None:
    async def main() -> None:
        async with bench() as b:
            b.server.fail(
                lambda one: one.path.endswith("services/super"), code, headers={"Retry-After": "7"}
            )
            b.create(toy.resource())
            await b.deliver()
            with pytest.raises(Unavailable) as error:
                await b.run()
            assert error.value.retry_after == 7
            assert "status" not in b.live(KEY.kind)  # type: ignore[operator]

    run_async(main)


def test_a_child_deleted_during_the_pass_is_noticed() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource())
            await b.deliver()
            send = b.reconciler._client.send

            async def send_then_lose(request: Any) -> Any:
                answer = await send(request)
                if request.resource == "deployments":
                    b.server.objects.delete(b.server.place("Service", "default", "super"))
                    await b.deliver()
                return answer

            b.reconciler._client.send = send_then_lose  # type: ignore[method-assign]
            assert (await b.run()).has_moved

    run_async(main)


def test_an_answer_about_an_object_that_was_deleted_meanwhile_is_not_believed() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource())
            await b.deliver()
            send = b.reconciler._client.send

            async def lose_before_the_answer(request: Any) -> Any:
                answer = await send(request)
                if request.resource == "services":
                    b.server.objects.delete(b.server.place("Service", "default", "super"))
                    await b.deliver()
                return answer

            b.reconciler._client.send = lose_before_the_answer  # type: ignore[method-assign]
            assert (await b.run()).has_moved
            b.reconciler._client.send = send  # type: ignore[method-assign]
            await b.run()
            assert b.live("Service") is not None

    run_async(main)


def test_a_resync_applies_everything_again() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)
            assert (await b.run()).requeue_after == RESYNC
            b.clock.now += RESYNC
            await b.run()
            assert set(b.writes()) == BOTH

    run_async(main)


def test_an_earlier_requeue_wins_over_the_resync() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b, requeueAfter=5.0)
            assert (await b.run()).requeue_after == 5.0

    run_async(main)


def test_a_bug_is_confessed_once_and_leaves_the_children_alone() -> None:
    def broken(body: Any) -> Any:
        raise KeyError("oops")

    async def main() -> None:
        async with bench(replace(toy.PIPELINE, render=broken)) as b:
            b.create(toy.resource())
            await b.deliver()
            for _ in range(2):
                with pytest.raises(KeyError):
                    await b.run()
                await b.deliver()
            assert b.writes() == [STATUS]
            assert b.reason() == "InternalError"

    run_async(main)


async def waiting(b: Bench, **spec: Any) -> None:
    """Create a resource whose Deployment waits until its Job has a status."""
    await settled(b, children=["Service", "Job", "Deployment"], waitsFor="Job", **spec)


def done(body: dict[str, Any]) -> None:
    body["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}


def test_a_child_that_is_held_back_is_not_made_and_all_others_are() -> None:
    async def main() -> None:
        async with bench() as b:
            b.create(toy.resource(children=["Service", "Job", "Deployment"], waitsFor="Job"))
            await b.settle()
            assert b.writes() == ["PATCH services/super", "PATCH jobs/super", STATUS]
            outcome = await b.run()
            assert (outcome.result, outcome.has_moved) == ("success", False)
            assert b.writes() == []

    run_async(main)


def test_the_event_that_it_waits_for_lets_it_through() -> None:
    async def main() -> None:
        async with bench() as b:
            await waiting(b)
            b.server.objects.change(b.server.place("Job", "default", "super"), done)
            await b.settle()
            assert b.writes()[0] == "PATCH deployments/super"
            assert b.live("Deployment") is not None

    run_async(main)


def test_a_child_that_is_held_back_stays_as_it_is_with_all_that_it_uses() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b, children=["Service", "ConfigMap", "Job", "Deployment"])
            before = b.live("Deployment")
            b.server.objects.change(b.server.place(*KEY), _wait_for("ConfigMap", value=2))
            await b.settle()
            assert b.live("Deployment") == before
            assert b.live("ConfigMap") is not None, "the running pods may mount it"
            assert b.live("Job") is None, "what asks for an older spec must not go on"
            service = b.live("Service")
            assert service is not None
            assert service["spec"]["value"] == "2"

    run_async(main)


def _wait_for(kind: str, *, value: int) -> Any:
    def change(body: dict[str, Any]) -> None:
        body["spec"] |= {"children": ["Service", "Deployment"], "waitsFor": kind, "value": value}

    return change


def test_what_was_kept_for_a_child_that_was_held_back_is_pruned_with_it() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b, children=["Service", "ConfigMap", "Deployment"])
            b.server.objects.change(b.server.place(*KEY), _wait_for("Job", value=2))
            await b.settle()
            assert b.live("ConfigMap") is not None

            def let_go(body: dict[str, Any]) -> None:
                del body["spec"]["waitsFor"]

            b.server.objects.change(b.server.place(*KEY), let_go)
            await b.settle()
            assert b.live("ConfigMap") is None
            deployment = b.live("Deployment")
            assert deployment is not None
            assert deployment["spec"]["value"] == "2"

    run_async(main)


def test_a_reason_to_wait_that_ends_during_the_pass_means_another_one() -> None:
    async def main() -> None:
        async with bench() as b:
            await waiting(b)
            send = b.reconciler._client.send

            async def send_and_finish(request: Any) -> Any:
                answer = await send(request)
                if b.live("Deployment") is None:
                    b.server.objects.change(b.server.place("Job", "default", "super"), done)
                    await b.deliver()
                return answer

            b.server.objects.delete(b.server.place("Service", "default", "super"))
            await b.deliver()
            await b.take_all()
            b.reconciler._client.send = send_and_finish  # type: ignore[method-assign]
            outcome = await b.run()
            assert b.live("Deployment") is None
            assert outcome.has_moved
            assert not (await b.run()).has_moved
            assert b.live("Deployment") is not None

    run_async(main)


def test_a_child_of_an_older_plan_is_not_taken_for_one_that_is_wanted() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b, children=["Job", "Deployment"])
            b.server.objects.change(b.server.place("Job", "default", "super"), done)
            b.server.objects.change(b.server.place(*KEY), _wait_for("Job", value=2))
            await b.deliver()
            await b.take_all()
            await b.run()
            deployment = b.live("Deployment")
            assert deployment is not None
            assert deployment["spec"]["value"] == "1", "the old Job's end says nothing about it"

    run_async(main)


def test_pods_that_ask_the_hub_concern_the_resource_and_are_no_servers() -> None:
    async def main() -> None:
        async with bench() as b:
            await settled(b)
            labels = {**toy.labels_of(toy.resource()), COMPONENT: "generator-access"}
            pod = {"metadata": {"labels": labels}, "status": {"phase": "Running"}}
            b.server.objects.create(b.server.place("Pod", "default", "asks"), pod)
            await b.deliver()
            assert await b.take_all() == [KEY]
            await b.run()
            assert b.status()["pods"] == 0

    run_async(main)
