"""What is asked of the API server depends on how the operator is run."""

from __future__ import annotations

import pytest

from cosmos3_operator.cluster.review import Ask
from cosmos3_operator.reconcile.kinds import CHILDREN, RESOURCES
from cosmos3_operator.reconcile.permissions import Row, Setup, asks, rows


def asked(setup: Setup) -> set[str]:
    return {ask.target for _, ask in asks(setup)}


def test_without_namespaces_everything_is_of_the_whole_cluster() -> None:
    found = asked(Setup())
    assert "deployments.apps in the whole cluster" in found
    assert not [text for text in found if "leases" in text]
    assert all(text.endswith("in the whole cluster") for text in found)


def test_with_namespaces_only_what_advice_needs_is_of_the_whole_cluster() -> None:
    found = asked(Setup(namespaces=("a", "b"), lease_namespace="o", lease_name="l"))
    assert {"pods in namespace a", "pods in namespace b", "pods in the whole cluster"} <= found
    assert {"leases.coordination.k8s.io in namespace o"} <= found
    assert {"leases.coordination.k8s.io l in namespace o"} <= found
    assert "deployments.apps in the whole cluster" not in found


def test_logs_are_asked_for_only_where_they_are_read() -> None:
    text = "pods/log in the whole cluster"
    assert text in asked(Setup())
    assert text not in asked(Setup(pod_logs=False))


def test_a_subresource_is_spelled_as_kubectl_spells_it() -> None:
    ask = Ask(group="g.io", resource="things/status", verb="patch", namespace="n")
    assert ask.target == "things.g.io/status in namespace n"


def test_every_kind_that_is_read_or_written_is_in_the_list() -> None:
    listed = {(row.group, resource) for row in rows() for resource in row.resources}
    for kind in (*CHILDREN.values(), *RESOURCES.values()):
        assert (kind.group, kind.plural) in listed


def test_a_create_is_not_asked_for_by_name_since_no_role_can_say_so() -> None:
    setup = Setup(lease_namespace="o", lease_name="l")
    names = {ask.verb: ask.name for _, ask in asks(setup) if ask.resource == "leases"}
    assert names == {"get": "l", "create": "", "patch": "l"}


def test_what_the_operator_can_do_without_is_never_what_readiness_waits_for() -> None:
    assert [row.resources for row in rows() if not row.needed and row.told == "readyz"] == []


def test_a_typo_in_the_list_is_no_permission() -> None:
    with pytest.raises(ValueError, match="verb"):
        Row.model_validate({"group": "", "resources": [], "verbs": [], "verb": "x"})
