"""The backlog, and the requests the bare client sends for it."""

from __future__ import annotations

import json

from bench.witness import Witness
from bench.workload import essence, expected, resources, shares


def stored(index: int) -> dict[str, object]:
    body = resources(index + 1)[index]
    body["metadata"] |= {"uid": "u-1", "generation": 1}
    return body


def test_the_mix_is_taken_in_turn() -> None:
    bodies = resources(300)
    assert shares(bodies) == {"CosmosGenerator": 200, "CosmosReasoner": 100}
    assert len({body["metadata"]["name"] for body in bodies}) == 300


def test_children_come_first_and_the_status_last() -> None:
    one = expected(stored(0))
    assert [request.resource for request in one.requests] == [
        "networkpolicies",
        "services",
        "deployments",
        "cosmosgenerators/status",
    ]
    assert len(one.children) == 3


def test_the_status_is_of_the_generation_that_was_stored() -> None:
    body = json.loads(expected(stored(1)).requests[-1].body or b"")
    assert body["status"]["observedGeneration"] == 1
    assert body["metadata"]["uid"] == "u-1"


def test_the_same_objects_of_two_clusters_have_the_same_essence() -> None:
    def service(uid: str, address: str) -> dict[str, object]:
        spec = {"clusterIP": address, "ports": [{"port": 8000}]}
        return {"metadata": {"name": "a", "uid": uid}, "spec": spec}

    assert essence(service("1", "198.19.0.2")) == essence(service("2", "198.19.0.3"))
    assert essence(service("1", "198.19.0.2"))["spec"] == {"ports": [{"port": 8000}]}


def test_the_witness_takes_the_first_and_the_completing_change() -> None:
    resource = ("CosmosReasoner", "a")
    witness = Witness(children=[("Deployment", "a-reasoner")], resources=[resource])
    metadata = {"name": "a", "generation": 2}
    witness.saw("Deployment", {"metadata": {"name": "a-reasoner"}}, at=1.0)
    witness.saw(resource[0], {"metadata": metadata, "status": {"observedGeneration": 1}}, at=2.0)
    assert witness.last is None
    witness.saw(resource[0], {"metadata": metadata, "status": {"observedGeneration": 2}}, at=3.0)
    witness.saw("Deployment", {"metadata": {"name": "a-reasoner"}}, at=4.0)
    assert (witness.first, witness.last) == (1.0, 3.0)
    assert witness.changes == {"Deployment": 2, "CosmosReasoner": 2}
