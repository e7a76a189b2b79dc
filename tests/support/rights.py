"""The chart's account and roles as an administrator installs them, and the way in that they give.

In: an administrator's kubeconfig and values of the chart. Out: a kubeconfig that has nothing but
the account's token. What is applied is what real Helm renders; `change` may take away from it, so
that a test can show what is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from support.account import account_kubeconfig
from support.api import Api
from support.helm import NAMESPACE, RELEASE, Helm
from support.kubectl import Kubectl
from support.waiting import eventually

Json = dict[str, Any]
KINDS = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def rendered(
    helm: Helm, values: Mapping[str, Any] | None = None, *, namespace: str, release: str
) -> list[Json]:
    """Return the account, its roles and their bindings; nothing for users or for `helm test`."""
    own = {**(values or {}), "helmTest": {"enabled": False}}
    objects = helm.render(own, namespace=namespace, release=release)
    return [one for one in objects if one["kind"] in KINDS and not is_for_users(one)]


def is_for_users(found: Json) -> bool:
    """Tell whether an object adds to the roles of people."""
    labels = found["metadata"].get("labels", {})
    return any(name.startswith("rbac.authorization.k8s.io/aggregate-to-") for name in labels)


def operator_account(
    *,
    admin: Path,
    folder: Path,
    namespace: str = NAMESPACE,
    release: str = RELEASE,
    values: Mapping[str, Any] | None = None,
    change: Callable[[list[Json]], None] = lambda objects: None,
) -> Path:
    """Apply what the chart renders, but for `change`; return the account's kubeconfig."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = rendered(Helm(home=folder), values, namespace=namespace, release=release)
    change(objects)
    places = {one["metadata"].get("namespace", namespace) for one in objects}
    apply(Kubectl(admin), [*map(_namespace, sorted(places)), *objects])
    account = next(one for one in objects if one["kind"] == "ServiceAccount")["metadata"]["name"]
    api = Api(admin)
    try:
        wait_for_rights(api, f"system:serviceaccount:{namespace}:{account}", objects)
        return account_kubeconfig(
            api, admin=admin, namespace=namespace, account=account, folder=folder
        )
    finally:
        api.close()


def remove(admin: Path, *, release: str) -> None:
    """Take away what the chart has in the cluster as a whole: another cluster than ours goes on."""
    instance = f"--selector=app.kubernetes.io/instance={release}"
    Kubectl(admin)("delete", "clusterrole,clusterrolebinding", instance, "--wait=false")


def apply(kubectl: Kubectl, objects: list[Json]) -> None:
    """Apply objects as an administrator does."""
    text = yaml.safe_dump_all(objects)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)


def wait_for_rights(api: Api, user: str, objects: list[Json]) -> None:
    """Wait until the authorizer knows every role: it learns of them by a watch."""
    for role in objects:
        if role["kind"] in ("Role", "ClusterRole") and role["rules"]:
            asked = {"user": user, "resourceAttributes": _first_right(role)}
            eventually(
                lambda asked=asked: api.post(REVIEWS, {"spec": asked})["status"]["allowed"],
                bool,
                what=f"the right to {asked['resourceAttributes']}",
            )


def _first_right(role: Json) -> Json:
    rule = role["rules"][-1]
    resource, _, subresource = rule["resources"][-1].partition("/")
    names = rule.get("resourceNames", [""])
    return {
        "namespace": role["metadata"].get("namespace", ""),
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "verb": rule["verbs"][-1],
        "name": names[0],
    }


def _namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
