"""The operator's account may do what docs/permissions.md says, and nothing that is dangerous.

Which rules there are is held against use by test_rule_removal.py, and the suites all run under
this account (tests/conftest.py); here is what must never be in it, and what the API server itself
says of it. With roles in single namespaces, nothing in the cluster is left, and the operator works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.account import account_kubeconfig
from support.api import Api
from support.helm import NAMESPACE, Helm
from support.kubectl import Kubectl
from support.operator_process import OperatorProcess
from support.resources import generator, simulated
from support.rights import operator_account, rendered
from support.settling import settled
from support.waiting import eventually

Json = dict[str, Any]
HERE = Path(__file__).parent
READS = {"get", "list", "watch"}
ESCALATING = {"escalate", "bind", "impersonate", "approve", "sign", "*"}
WRITTEN = {
    *("cosmosgenerators/status", "cosmosreasoners/status", "events", "leases"),
    *("deployments", "services", "configmaps", "persistentvolumeclaims"),
    *("networkpolicies", "jobs"),
}
INTO_PODS = {
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "pods/proxy",
    "pods/ephemeralcontainers",
}
VALUES: dict[str, Json] = {
    "cluster": {},
    "namespaces": {"watchNamespaces": ["a", "b"]},
    "namespaces-and-cluster-reads": {
        "watchNamespaces": ["a", "b"],
        "rbac": {"clusterReads": True},
    },
    "without-logs": {"podLogs": False},
}


def rules(helm: Helm, values: Json) -> list[tuple[Json, Json]]:
    """Return each rule with its role."""
    objects = rendered(helm, values, namespace=NAMESPACE, release="x")
    return [(one, rule) for one in objects for rule in one.get("rules", ())]


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_nothing_dangerous_is_allowed(helm: Helm, values: Json) -> None:
    found = rules(helm, values)
    assert found
    for role, rule in found:
        resources, verbs = set(rule["resources"]), set(rule["verbs"])
        assert not resources & {"secrets", "serviceaccounts", "*", "nodes/proxy", *INTO_PODS}
        assert not {name for name in resources if name.startswith("serviceaccounts/")}
        assert "*" not in rule["apiGroups"]
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]
        assert "nonResourceURLs" not in rule
        assert not verbs & ESCALATING
        assert "deletecollection" not in verbs
        if verbs - READS:
            assert resources <= WRITTEN
        if "nodes" in resources:
            assert (verbs, role["kind"]) == ({"list"}, "ClusterRole")
        if "leases" in resources:
            assert role["kind"] == "Role"
            assert rule.get("resourceNames") or verbs == {"create"}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_servers_can_be_deleted_by_nobody_but_users(helm: Helm, values: Json) -> None:
    deleted = {
        r for _, rule in rules(helm, values) if "delete" in rule["verbs"] for r in rule["resources"]
    }
    assert deleted == {"configmaps", "persistentvolumeclaims", "networkpolicies", "jobs"}


def test_with_roles_in_namespaces_nothing_is_in_the_cluster_unless_asked_for(helm: Helm) -> None:
    kinds = {role["kind"] for role, _ in rules(helm, VALUES["namespaces"])}
    assert kinds == {"Role"}
    read = [
        rule
        for role, rule in rules(helm, VALUES["namespaces-and-cluster-reads"])
        if role["kind"] == "ClusterRole"
    ]
    assert {verb for rule in read for verb in rule["verbs"]} == {"list"}


def test_without_logs_nobody_may_read_them(helm: Helm) -> None:
    assert "pods/log" not in {
        r for _, rule in rules(helm, VALUES["without-logs"]) for r in rule["resources"]
    }


def test_bindings_name_the_account_and_nobody_else(helm: Helm) -> None:
    for values in VALUES.values():
        for one in rendered(helm, values, namespace=NAMESPACE, release="x"):
            if "subjects" in one:
                account = {"kind": "ServiceAccount", "name": "x-cosmos3-operator"}
                assert one["subjects"] == [account | {"namespace": NAMESPACE}]


# On a real API server.


@pytest.fixture
def roles_only(kubeconfig: Path, namespace: str, tmp_path: Path) -> Path:
    """The way in of an operator that serves one namespace and knows of no other."""
    values = {"watchNamespaces": [namespace]}
    return operator_account(admin=kubeconfig, folder=tmp_path, namespace=namespace, values=values)


def can_i(kubeconfig: Path, namespace: str) -> list[str]:
    """Return what the API server says that an account may do."""
    listed = Kubectl(kubeconfig)("auth", "can-i", "--list", "--no-headers", "-n", namespace)
    return [" ".join(line.split()) for line in listed.splitlines()]


@pytest.fixture(scope="module")
def everybody(kubeconfig: Path, api: Api, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What any account may do: ask about itself, discover."""
    folder = tmp_path_factory.mktemp("default")
    default = account_kubeconfig(
        api, admin=kubeconfig, namespace="default", account="default", folder=folder
    )
    return set(can_i(default, "default"))


@pytest.mark.cluster
def test_the_api_server_lists_exactly_this(
    request: pytest.FixtureRequest,
    operator_kubeconfig: Path,
    roles_only: Path,
    everybody: set[str],
    namespace: str,
) -> None:
    said = {
        "cluster.txt": can_i(operator_kubeconfig, "default"),
        "release.txt": can_i(operator_kubeconfig, NAMESPACE),
        "namespace.txt": can_i(roles_only, namespace),
        "elsewhere.txt": can_i(roles_only, "default"),
    }
    made = {
        name: "".join(f"{line}\n" for line in sorted(set(lines) - everybody))
        for name, lines in said.items()
    }
    folder = HERE / "can-i"
    if request.config.getoption("--update-golden"):
        folder.mkdir(exist_ok=True)
        for name, text in made.items():
            (folder / name).write_text(text, "utf-8")
    assert made == {path.name: path.read_text("utf-8") for path in folder.glob("*.txt")}
    assert made["elsewhere.txt"] == ""


@pytest.mark.cluster
def test_with_roles_in_one_namespace_it_works_and_says_what_it_does_without(
    roles_only: Path, api: Api, namespace: str, tmp_path: Path, crds_installed: None
) -> None:
    operator = OperatorProcess(
        kubeconfig=roles_only, log=tmp_path / "log", options=(f"--namespace={namespace}",)
    )
    serving = generator("serves", namespace, pod=simulated(ready_after="100ms"))
    # More than any node has, so that the operator would like to count free GPUs.
    large = {"resources": {"requests": {"cpu": "9000"}}}
    waiting = generator("waits", namespace, pod=large)
    with operator:
        for body in (serving, waiting):
            api.create(body)
        settled(api, serving, "Serving")
        eventually(
            lambda: [condition["reason"] for condition in conditions(api, waiting)],
            lambda reasons: reasons and "RollingOut" not in reasons,
            what="a word about the one that finds no node",
        )
        assert operator.readyz() == "ok\n"
        assert operator.stop() == 0
    warnings = [e["message"] for e in operator.entries() if e["level"] == "warning"]
    (told,) = [one for one in warnings if "forbidden" in one]
    assert "GPU nodes are not known" in told
    assert "free GPUs are not counted" in told
    assert 'cannot list resource "nodes" in API group "" at the cluster scope' in told


def conditions(api: Api, body: Json) -> list[Json]:
    status = (api.get(api.path(body)) or {}).get("status", {})
    return [one for one in status.get("conditions", ()) if one["type"] == "Ready"]
