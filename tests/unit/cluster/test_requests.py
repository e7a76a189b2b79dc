"""Requests as data: paths, queries, headers, bodies."""

from __future__ import annotations

import json

import pytest

from cosmos3_operator.cluster import requests
from cosmos3_operator.cluster.types import ResourceType

PODS = ResourceType(group="", version="v1", kind="Pod", plural="pods")
SERVICES = ResourceType(group="", version="v1", kind="Service", plural="services")
DEPLOYMENTS = ResourceType(group="apps", version="v1", kind="Deployment", plural="deployments")
NODES = ResourceType(group="", version="v1", kind="Node", plural="nodes", namespaced=False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (requests.path_of(SERVICES), "/api/v1/services"),
        (requests.path_of(SERVICES, namespace="a"), "/api/v1/namespaces/a/services"),
        (
            requests.path_of(DEPLOYMENTS, namespace="a", name="b", subresource="status"),
            "/apis/apps/v1/namespaces/a/deployments/b/status",
        ),
        (requests.path_of(NODES, namespace="a", name="b"), "/api/v1/nodes/b"),
        (
            requests.path_of(SERVICES, namespace="../x", name="a/b?c"),
            "/api/v1/namespaces/..%2Fx/services/a%2Fb%3Fc",
        ),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


def test_api_version() -> None:
    assert SERVICES.api_version == "v1"
    assert DEPLOYMENTS.api_version == "apps/v1"


def test_a_page() -> None:
    request = requests.list_page(SERVICES, selector="a=b", limit=5, token="t+/=")
    assert request.method == "GET"
    assert request.path == "/api/v1/services?limit=5&labelSelector=a%3Db&continue=t%2B%2F%3D"
    assert (request.verb, request.resource) == ("list", "services")


@pytest.mark.parametrize(("force", "text"), [(True, "true"), (False, "false")])
def test_server_side_apply(force: bool, text: str) -> None:
    request = requests.apply(
        DEPLOYMENTS, namespace="a", name="b", body=b"{}", manager="me", force=force
    )
    assert request.method == "PATCH"
    assert request.path == (
        "/apis/apps/v1/namespaces/a/deployments/b"
        f"?fieldManager=me&force={text}&fieldValidation=Strict"
    )
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert request.verb == "patch"


def test_the_status_is_counted_on_its_own() -> None:
    request = requests.apply(
        DEPLOYMENTS,
        namespace="a",
        name="b",
        body=b"{}",
        manager="me",
        force=True,
        subresource="status",
    )
    assert request.path.partition("?")[0].endswith("/deployments/b/status")
    assert request.resource == "deployments/status"


def test_delete_hits_one_uid_only() -> None:
    request = requests.delete(SERVICES, namespace="a", name="b", uid="u")
    assert request.method == "DELETE"
    assert json.loads(request.body or b"") == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u"},
        "propagationPolicy": "Background",
    }


def test_json_is_compact() -> None:
    assert requests.encode({"a": [1, "é"]}) == '{"a":[1,"é"]}'.encode()


def test_a_log_is_asked_for_with_bounds() -> None:
    request = requests.read_log(
        PODS, namespace="a b", name="p", container="c", is_previous=True, lines=5, limit=9
    )
    assert (request.verb, request.resource, request.method) == ("get", "pods/log", "GET")
    assert request.path == (
        "/api/v1/namespaces/a%20b/pods/p/log"
        "?container=c&tailLines=5&limitBytes=9&timestamps=true&previous=true"
    )
    now = requests.read_log(
        PODS, namespace="a", name="p", container="c", is_previous=False, lines=5, limit=9
    )
    assert "previous" not in now.path


def test_a_list_is_chosen_by_fields() -> None:
    request = requests.list_page(PODS, fields="status.phase!=Failed,a=b", limit=7)
    assert request.path == "/api/v1/pods?limit=7&fieldSelector=status.phase%21%3DFailed%2Ca%3Db"
