"""The API server's words of refusal name what an administrator must grant."""

from __future__ import annotations

from cosmos3_operator.status.permissions import permission_remedy

USER = "system:serviceaccount:cosmos3-system:cosmos3-operator"


def refusal(what: str) -> str:
    return f'x "y" is forbidden: User "{USER}" cannot {what}'


def test_each_right_is_named_once_with_its_place() -> None:
    create = refusal('create resource "deployments" in API group "apps" in the namespace "demo"')
    status = refusal(
        'patch resource "cosmosgenerators/status" in API group "serving.cosmos3.io" in the'
        ' namespace "demo"'
    )
    nodes = refusal('list resource "nodes" in API group "" at the cluster scope')
    assert permission_remedy([create, create, status, nodes]) == (
        "The operator's role lacks create on deployments.apps in namespace demo, patch on"
        " cosmosgenerators.serving.cosmos3.io/status in namespace demo, list on nodes in the"
        f" cluster: install the chart's roles as they are (rbac.create), or grant it to {USER}"
    )


def test_what_is_no_missing_permission_has_no_remedy() -> None:
    quota = 'services "y" is forbidden: exceeded quota: q, requested: services=1'
    ending = "unable to create new content in namespace demo because it is being terminated"
    assert permission_remedy([quota, ending]) == ""
