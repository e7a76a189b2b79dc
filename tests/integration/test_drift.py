"""What somebody changes by hand is repaired; what is somebody else's is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.api import CHILD_PATHS, Api, ready
from support.kubectl import Kubectl
from support.resources import generator
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

CONTAINER = "/spec/template/spec/containers/0"


@pytest.fixture
def served(api: Api, namespace: str) -> dict[str, Any]:
    """A Generator that serves, with every kind of child."""
    body = generator(
        "drift", namespace, runtime={"version": "0.30.0"}, cache={"type": "Claim", "size": "10Gi"}
    )
    api.create(body)
    eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and ready(seen).get("status") == "True",
        what="Ready",
    )
    # The Job needs an operator with --preflight-image: test_preflight.py deletes that.
    assert {child["kind"] for child in api.children(namespace)} == set(CHILD_PATHS) - {"Job"}
    return body


def child_path(namespace: str, kind: str, name: str) -> str:
    return CHILD_PATHS[kind].format(namespace) + f"/{name}"


@pytest.mark.parametrize(
    ("what", "patch", "value"),
    [
        ("image", {"path": f"{CONTAINER}/image", "value": "elsewhere:1"}, lambda c: c["image"]),
        (
            "argument",
            {"path": f"{CONTAINER}/args", "value": ["nvidia/Other"]},
            lambda c: c["args"],
        ),
        (
            "GPU limit",
            {"path": f"{CONTAINER}/resources/limits/nvidia.com~1gpu", "value": "2"},
            lambda c: c["resources"]["limits"]["nvidia.com/gpu"],
        ),
    ],
)
@pytest.mark.usefixtures("served")
def test_a_deployment_changed_by_hand_is_repaired(
    api: Api,
    namespace: str,
    what: str,
    patch: dict[str, Any],
    value: Callable[[dict[str, Any]], Any],
) -> None:
    path = child_path(namespace, "Deployment", "drift-generator")

    def container() -> dict[str, Any]:
        deployment = api.get(path)
        assert deployment is not None
        return deployment["spec"]["template"]["spec"]["containers"][0]

    wanted = value(container())
    changes = [{"op": "replace", **patch}]
    if what == "GPU limit":
        requests = f"{CONTAINER}/resources/requests/nvidia.com~1gpu"
        changes.append({"op": "replace", "path": requests, "value": "2"})
    changed = api.json_patch(path, changes)
    assert value(changed["spec"]["template"]["spec"]["containers"][0]) != wanted
    eventually(lambda: value(container()), lambda seen: seen == wanted, what=f"repair of {what}")


@pytest.mark.parametrize("kind", ["Deployment", "Service", "ConfigMap", "NetworkPolicy"])
@pytest.mark.usefixtures("served")
def test_a_child_deleted_by_hand_comes_back(api: Api, namespace: str, kind: str) -> None:
    (child,) = [c for c in api.children(namespace) if c["kind"] == kind]
    path = child_path(namespace, kind, child["metadata"]["name"])
    api.delete(path)
    eventually(
        lambda: api.get(path),
        lambda seen: seen is not None and seen["metadata"]["uid"] != child["metadata"]["uid"],
        what=f"the {kind}'s return",
    )


@pytest.mark.usefixtures("served")
def test_our_labels_are_repaired_and_others_are_kept(api: Api, namespace: str) -> None:
    path = child_path(namespace, "Service", "drift-generator")
    ours, theirs = "app.kubernetes.io/part-of", "example.com/team"
    api.merge(path, {"metadata": {"labels": {ours: "wrong", theirs: "robots"}}})
    found = eventually(
        lambda: api.get(path),
        lambda seen: seen is not None and seen["metadata"]["labels"][ours] == "cosmos3",
        what="the label's repair",
    )
    assert found is not None
    assert found["metadata"]["labels"][theirs] == "robots"


def test_a_status_changed_by_hand_is_repaired(
    api: Api, kubectl: Kubectl, namespace: str, served: dict[str, Any]
) -> None:
    kubectl(
        *("patch", "-n", namespace, "cgen/drift", "--subresource=status", "--type=merge"),
        *("-p", '{"status":{"endpoint":"http://elsewhere"}}'),
    )
    eventually(
        lambda: api.get(api.path(served)),
        lambda seen: seen and seen["status"]["endpoint"] != "http://elsewhere",
        what="the status' repair",
    )


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_an_object_of_somebody_else_under_our_name_is_left_alone(
    api: Api, kubectl: Kubectl, namespace: str, kind: str
) -> None:
    if kind == "Deployment":
        kubectl("create", "deployment", "-n", namespace, "taken-generator", "--image=theirs:1")
    else:
        kubectl("create", "service", "clusterip", "-n", namespace, "taken-generator", "--tcp=1:1")
    path = child_path(namespace, kind, "taken-generator")
    before = api.get(path)
    assert before is not None
    body = generator("taken", namespace)
    api.create(body)
    found = eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and ready(seen).get("reason") == "NameTaken",
        what="reason NameTaken",
    )
    assert found is not None
    assert f"{kind} taken-generator exists already" in ready(found)["message"]
    after = api.get(path)
    assert after is not None
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]
    assert "ownerReferences" not in after["metadata"]
    api.delete(path)
    eventually(
        lambda: api.get(api.path(body)),
        lambda seen: seen and ready(seen).get("status") == "True",
        what="Ready once the name is free",
    )
