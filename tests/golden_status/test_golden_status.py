"""Each folder here is a moment in the life of a resource, and what its status says about it.

observed.yaml  the resource, its live children, its pods, refusals, the nodes, the time, what the
               operator is given as --preflight-image, and whether it fails itself (operatorFails);
               beyond that, what it read on demand:
               logs       {pod, container, run, previous, live, text}: `run` is the restartCount of
                          the run, `previous` and `live` are false where they are left out
               events     core v1 Events, each with its involvedObject
               inventory  nodes with their free GPUs (NodeGpus), of `resourceName` (nvidia.com/gpu)
               refused    what the operator may not read, e.g. pods/log
               lostNodes  names of nodes whose kubelet does not report any more
status.yaml    the status that the operator writes

`make golden` rewrites status.yaml; read the diff.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.resource import parse
from cosmos3_operator.api.status import Status
from cosmos3_operator.plan.facts import Facts, LiveDeployment, NodeShape
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.settings import Settings
from cosmos3_operator.reconcile.live import live_deployment
from cosmos3_operator.status.evidence import EventsAsk, Evidence, InventoryAsk, LogAsk, NodeGpus
from cosmos3_operator.status.observe import ApplyFailure, ChildRef, Observation
from cosmos3_operator.status.summarize import summarize, summarize_failure, summarize_invalid

HERE = Path(__file__).parent
CASES = sorted(p.name for p in HERE.iterdir() if (p / "observed.yaml").exists())


def evidence_of(seen: Mapping[str, Any]) -> Evidence:
    """Return what was read on demand, under the very questions that pure code asks."""
    events: dict[EventsAsk, tuple[Mapping[str, Any], ...]] = {}
    for event in seen.get("events", ()):
        ask = EventsAsk(event["involvedObject"]["kind"], event["involvedObject"]["name"])
        events[ask] = (*events.get(ask, ()), event)
    inventory: dict[InventoryAsk, tuple[NodeGpus, ...]] = {}
    for node in seen.get("inventory", ()):
        counted = InventoryAsk(node.get("resourceName", "nvidia.com/gpu"))
        fields = {key: value for key, value in node.items() if key != "resourceName"}
        inventory[counted] = (*inventory.get(counted, ()), NodeGpus(**{"product": "", **fields}))
    return Evidence(
        logs={
            LogAsk(
                pod=log["pod"],
                container=log["container"],
                run=log["run"],
                is_previous=log.get("previous", False),
                is_live=log.get("live", False),
            ): log["text"]
            for log in seen.get("logs", ())
        },
        events=events,
        inventory=inventory,
        refused=tuple(seen.get("refused", ())),
    )


def observed(case: str) -> dict[str, Any]:
    return yaml.safe_load((HERE / case / "observed.yaml").read_text("utf-8"))


def deployment_of(observation: Observation) -> LiveDeployment | None:
    children = observation.children.items()
    return next((live_deployment(one) for ref, one in children if ref.kind == "Deployment"), None)


def status_of(case: str) -> dict[str, Any]:
    return status_when(observed(case))


def status_when(seen: Mapping[str, Any]) -> dict[str, Any]:
    now = datetime.fromisoformat(seen["now"])
    body = seen["resource"]
    nodes = tuple(NodeShape(**shape) for shape in seen["nodes"]) if "nodes" in seen else None
    observation = Observation.of(
        children={
            ChildRef(child["kind"], child["metadata"]["name"]): child
            for child in seen.get("children", ())
        },
        pods=seen.get("pods", ()),
        failures=tuple(
            ApplyFailure(**{**failure, "ref": ChildRef(**failure["ref"])})
            for failure in seen.get("failures", ())
        ),
    )
    observation = replace(
        observation,
        evidence=evidence_of(seen),
        lost_nodes=frozenset(seen.get("lostNodes", ())),
    )
    if fails := seen.get("operatorFails"):
        return summarize_failure(body, KeyError(fails), now=now).status
    try:
        resource = parse(body)
        settings = Settings(preflight_image=seen.get("preflightImage", ""))
        facts = Facts(nodes=nodes, deployment=deployment_of(observation))
        plan = make_plan(resource, facts, settings=settings)
    except Invalid as error:
        return summarize_invalid(body, error, observation=observation, now=now).status
    return summarize(resource, plan, observation, now=now).status


@pytest.mark.parametrize("case", CASES)
def test_status(case: str, request: pytest.FixtureRequest) -> None:
    made = yaml.safe_dump(status_of(case), sort_keys=False, allow_unicode=True, width=100)
    file = HERE / case / "status.yaml"
    if request.config.getoption("--update-golden"):
        file.write_text(made, "utf-8")
    assert made == file.read_text("utf-8"), f"{case} changed: run `make golden`, read the diff"


@pytest.mark.parametrize("case", CASES)
def test_every_status_fits_its_schema(case: str) -> None:
    Status.model_validate(status_of(case))


@pytest.mark.parametrize("case", CASES)
def test_conditions_follow_kstatus(case: str) -> None:
    conditions = {c["type"]: c["status"] for c in status_of(case)["conditions"]}
    ready = conditions["Ready"] == "True"
    assert ready == ("Reconciling" not in conditions and "Stalled" not in conditions)
    assert not {"Reconciling", "Stalled"} <= conditions.keys()


def test_transition_times_move_only_with_the_status_of_their_condition() -> None:
    statuses = {c["type"]: c for c in status_of("serving-for-a-while")["conditions"]}
    assert statuses["Ready"]["lastTransitionTime"] == "2026-11-20T08:00:00Z"
    assert statuses["GuardrailsInForce"]["lastTransitionTime"] == "2026-11-23T12:00:00Z"
