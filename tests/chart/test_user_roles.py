"""People get the two kinds through the cluster's own roles: view sees, edit and admin change.

Real requests, as users whom RoleBindings give `view`, `edit` and `admin` in one namespace. The
status belongs to the operator: nobody else may write it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.api import Api
from support.helm import NAMESPACE, Helm
from support.kubectl import Kubectl
from support.resources import PLURALS, generator, reasoner
from support.rights import apply, is_for_users, remove
from support.waiting import eventually

Json = dict[str, Any]
RELEASE = "people"
ROLES = ("view", "edit", "admin")
SEE = {"get", "list", "watch"}
CHANGE = {"create", "update", "patch", "delete", "deletecollection"}
MAY: dict[str, dict[str, set[str]]] = {
    "view": {"": SEE, "status": {"get"}, "scale": {"get"}},
    "edit": {"": SEE | CHANGE, "status": {"get"}, "scale": {"get", "update", "patch"}},
}
MAY["admin"] = MAY["edit"]


def for_users(helm: Helm, **values: Any) -> list[Json]:
    objects = helm.render(values, namespace=NAMESPACE, release=RELEASE)
    return [one for one in objects if is_for_users(one)]


def test_the_chart_can_leave_the_roles_of_people_alone(helm: Helm) -> None:
    assert len(for_users(helm)) == 2
    assert for_users(helm, rbac={"aggregate": False}) == []


@pytest.fixture(scope="module")
def people(
    kubeconfig: Path, api: Api, helm: Helm, crds_installed: None
) -> Iterator[dict[str, Kubectl]]:
    """Three users of one namespace, by the role that each has there."""
    kubectl = Kubectl(kubeconfig)
    place = api.namespace("people")
    bindings = [binding(role, place) for role in ROLES]
    apply(kubectl, [*for_users(helm), *bindings])
    for role in ROLES:
        asked = attributes(place, "cosmosgenerators", "", "get")
        eventually(partial(may, api, role, asked), bool, what=f"the aggregation of {role}")
    yield {role: Kubectl(kubeconfig, person=person(role)) for role in ROLES}
    remove(kubeconfig, release=RELEASE)
    api.delete(f"/api/v1/namespaces/{place}")


def person(role: str) -> str:
    return f"person-with-{role}"


def binding(role: str, namespace: str) -> Json:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": person(role)}],
    }


def attributes(namespace: str, resource: str, subresource: str, verb: str) -> Json:
    return {
        "namespace": namespace,
        "group": "serving.cosmos3.io",
        "resource": resource,
        "subresource": subresource,
        "verb": verb,
    }


def may(api: Api, role: str, asked: Json) -> bool:
    """Ask the API server's authorizer."""
    body = {"spec": {"user": person(role), "resourceAttributes": asked}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(api.post(path, body)["status"]["allowed"])


@pytest.mark.cluster
@pytest.mark.parametrize("resource", PLURALS.values())
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_exactly_this(
    people: dict[str, Kubectl], api: Api, role: str, resource: str
) -> None:
    found = {
        part: {v for v in SEE | CHANGE if may(api, role, attributes("people", resource, part, v))}
        for part in ("", "status", "scale")
    }
    assert found == MAY[role]
    assert not may(api, role, attributes("default", resource, "", "get")), "in their namespace only"


@pytest.mark.cluster
@pytest.mark.parametrize("make", [generator, reasoner])
def test_view_sees_and_changes_nothing(people: dict[str, Kubectl], api: Api, make: Any) -> None:
    body = api.create(make("seen", "people", replicas=0))
    name, view = f"{PLURALS[body['kind']]}/seen", people["view"]
    assert "seen" in view("get", "-n", "people", name)
    for words in (
        ("delete", "-n", "people", name),
        ("scale", "-n", "people", name, "--replicas=1"),
        ("label", "-n", "people", name, "a=b"),
    ):
        assert "is forbidden" in view(*words, check=False)
    assert api.get(api.path(body)) == body
    api.delete(api.path(body))


@pytest.mark.cluster
@pytest.mark.parametrize("role", ["edit", "admin"])
def test_edit_changes_and_scales_and_leaves_the_status_alone(
    people: dict[str, Kubectl], api: Api, role: str
) -> None:
    edit, body = people[role], generator(f"by-{role}", "people", replicas=0)
    name = f"cosmosgenerators/by-{role}"
    apply(edit, [body])
    edit("scale", "-n", "people", name, "--replicas=2")
    assert (api.get(api.path(body)) or {})["spec"]["replicas"] == 2
    status = ("patch", "-n", "people", name, "--subresource=status", "--type=merge", "-p")
    said = edit(*status, '{"status":{"replicas":7}}', check=False)
    assert f'User "{person(role)}" cannot patch resource "cosmosgenerators/status"' in said
    edit("delete", "-n", "people", name)
    assert api.get(api.path(body)) is None
