"""A resource's life as its events and its log lines tell it: each transition once, and no more.

What they should say is worked out from the API server's own history of the resource, by rules
written down here a second time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support.api import Api, condition, ready
from support.kubectl import Kubectl
from support.operator_process import OperatorProcess
from support.resources import generator
from support.settling import settled
from support.waiting import eventually

pytestmark = pytest.mark.cluster

Told = tuple[str, str, str]
"""Type, reason and note of an event."""
WARNINGS = ("InvalidSpec", "PlanWarning")
HISTORY_SECONDS = 3


@pytest.fixture(scope="module")
def own(
    operator_kubeconfig: Path, crds_installed: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator that may be stopped and started."""
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    with OperatorProcess(kubeconfig=operator_kubeconfig, log=log) as process:
        yield process


def events(api: Api, namespace: str) -> list[dict[str, Any]]:
    """Return the events about resources of ours, oldest first."""
    listed = api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
    assert listed is not None
    mine = [one for one in listed["items"] if one["regarding"]["kind"].startswith("Cosmos")]
    return sorted(mine, key=lambda one: one["eventTime"])


def told(event: dict[str, Any]) -> Told:
    return event["type"], event["reason"], event["note"]


def counts(found: list[dict[str, Any]]) -> Counter[Told]:
    """Return how often each thing was told, a series counted in full."""
    total: Counter[Told] = Counter()
    for event in found:
        total[told(event)] += event.get("series", {}).get("count", 1)
    return total


def history(kubectl: Kubectl, api: Api, created: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every version of a resource since it was created, as the API server kept them."""
    version = created["metadata"]["resourceVersion"]
    query = f"watch=1&resourceVersion={version}&timeoutSeconds={HISTORY_SECONDS}"
    lines = kubectl("get", "--raw", f"{api.collection(created)}?{query}").splitlines()
    changes = [json.loads(line) for line in lines]
    assert {change["type"] for change in changes} <= {"MODIFIED", "DELETED"}
    mine = [c["object"] for c in changes if c["type"] == "MODIFIED"]
    return [created, *(o for o in mine if o["metadata"]["uid"] == created["metadata"]["uid"])]


def turns(versions: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return Ready before and after, wherever its status or reason changed."""
    pairs = [(ready(old), ready(new)) for old, new in pairwise(versions)]
    state = ("status", "reason")
    return [(o, n) for o, n in pairs if [o.get(s) for s in state] != [n.get(s) for s in state]]


def expected(versions: list[dict[str, Any]]) -> list[Told]:
    """Return what should be told of such a history, in order."""
    found: list[tuple[str, str]] = []
    for old, new in pairwise(versions):
        if turns([old, new]):
            found.append((ready(new)["reason"], ready(new)["message"]))
        before, after = (condition(one, "GuardrailsInForce") for one in (old, new))
        if before and after and before["status"] != after["status"] != "Unknown":
            note = {"True": "Guardrails are in force: ", "False": "Guardrails are not in force: "}
            found.append((after["reason"], note[after["status"]] + after["message"]))
        plans = [one.get("status", {}).get("plan", {}) for one in (old, new)]
        known, warnings = (plan.get("warnings", []) for plan in plans)
        found += [("PlanWarning", warning) for warning in warnings if warning not in known]
    return [("Warning" if r in WARNINGS else "Normal", r, fitting(n)) for r, n in found]


def fitting(note: str) -> str:
    """Cut as the API server wants it."""
    data = note.encode()
    return note if len(data) <= 1024 else data[:1021].decode("utf-8", "ignore").rstrip() + "…"


def test_a_life_is_told_event_by_event_and_line_by_line(
    api: Api, kubectl: Kubectl, namespace: str, own: OperatorProcess
) -> None:
    created = api.create(body := generator("life", namespace))
    settled(api, body, "Serving")
    api.merge(api.path(body), {"spec": {"runtime": {"version": "9.9.9"}}})
    settled(api, body, "InvalidSpec")
    api.merge(api.path(body), {"spec": {"runtime": {"version": None}}})
    settled(api, body, "Serving")
    api.merge(api.path(body), {"spec": {"guardrails": {"mode": "Disabled"}}})
    settled(api, body, "Serving")
    described = kubectl("describe", "-n", namespace, "cgen/life").partition("\nEvents:")[2]
    api.delete(api.path(body))
    eventually(lambda: api.get(api.path(body)), lambda seen: seen is None, what="its end")
    versions = history(kubectl, api, created)
    wanted = expected(versions)

    found = eventually(
        lambda: events(api, namespace),
        lambda seen: counts(seen) == Counter(wanted),
        what=f"exactly these events: {wanted}",
    )
    assert [told(event) for event in found] == list(dict.fromkeys(wanted)), "in this order, once"
    milestones = [reason for _, reason, _ in wanted if reason in ("Serving", "InvalidSpec")]
    assert milestones == ["Serving", "InvalidSpec", "Serving", "Serving"]
    assert [r for _, r, _ in wanted if r in ("Enabled", "Disabled")] == ["Enabled", "Disabled"]
    for event in found:
        assert event["reportingController"] == "cosmos3-operator"
        assert event["reportingInstance"]
        assert event["action"]
        assert event["regarding"]["uid"] == created["metadata"]["uid"]
        assert event["regarding"]["apiVersion"] == created["apiVersion"]
    assert "<unknown>" not in described
    assert "  Serving  " in described
    assert "cosmos3-operator" in described

    assert_each_turn_is_one_line(own, versions)
    assert_metrics_count_them(own, versions, wanted)


def assert_each_turn_is_one_line(operator: OperatorProcess, versions: list[dict[str, Any]]) -> None:
    lines = [entry for entry in operator.entries() if entry.get("name") == "life"]
    lines = [entry for entry in lines if "reason" in entry]
    assert [(line["previousReason"], line["reason"], line["ready"]) for line in lines] == [
        (old.get("reason"), new["reason"], new["status"]) for old, new in turns(versions)
    ]
    assert {line["kind"] for line in lines} == {"CosmosGenerator"}
    assert len({line["reconcileID"] for line in lines}) == len(lines)
    generations = [line["generation"] for line in lines]
    assert generations == sorted(generations)
    assert set(generations) == {1, 2, 3, 4}
    assert lines[0]["secondsSincePrevious"] is None
    assert all(line["secondsSincePrevious"] >= 0 for line in lines[1:])


def assert_metrics_count_them(
    operator: OperatorProcess, versions: list[dict[str, Any]], wanted: list[Told]
) -> None:
    samples = operator.scrape()
    by_reason = Counter(new["reason"] for _, new in turns(versions))
    for (name, labels), value in samples.items():
        said = dict(labels)
        if name == "cosmos3_operator_transitions_total" and said["condition"] == "Ready":
            assert value == by_reason[said["reason"]], said
    results = [
        value for (name, _), value in samples.items() if name == "cosmos3_operator_events_total"
    ]
    assert sum(results) == len(wanted)


def test_a_restart_tells_nothing(api: Api, namespace: str, own: OperatorProcess) -> None:
    bodies = [generator(name, namespace) for name in ("one", "two")]
    bodies.append(generator("refused", namespace, runtime={"version": "9.9.9"}))
    for body in bodies:
        api.create(body)
    for body in bodies:
        settled(api, body, "InvalidSpec" if body["metadata"]["name"] == "refused" else "Serving")
    assert own.stop() == 0
    before = events(api, namespace)
    assert {event["regarding"]["name"] for event in before} == {"one", "two", "refused"}
    own.start()
    passes = ("controller_runtime_reconcile_total", "cosmosgenerator", "success")
    eventually(
        lambda: {
            (name, *sorted(dict(labels).values())): v for (name, labels), v in own.scrape().items()
        },
        lambda seen: seen[passes] >= len(bodies) and not seen[("workqueue_depth", "cosmos3")],
        what="a pass for each",
    )
    assert own.stop() == 0, "what was waiting to be told is told before the end"
    assert events(api, namespace) == before
    own.start()
    told_again = [name for name, _ in own.scrape() if name == "cosmos3_operator_events_total"]
    assert told_again == []
