"""Everything can be removed, by the very commands of the documentation, and nothing hangs.

No finalizer of ours exists, so the wrong order ends well too, but for claims that are to be kept.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.doc_blocks import block
from support.helm import NAMESPACE, RELEASE
from support.resources import TOKEN, generator, reasoner
from support.site import CRDS, Site
from support.waiting import eventually

pytestmark = pytest.mark.cluster

KINDS = (
    "deployments,replicasets,pods,jobs,services,configmaps,persistentvolumeclaims,networkpolicies,"
    "endpointslices,clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,leases"
)
OF_MODELS = "app.kubernetes.io/part-of=cosmos3"
OF_THE_RELEASE = f"app.kubernetes.io/instance={RELEASE}"


def models(namespace: str) -> tuple[dict[str, Any], ...]:
    retained = {"type": "Claim", "size": "64Gi", "retention": "Retain"}
    return (
        generator("asks-the-hub", namespace, huggingFace=TOKEN),
        reasoner("keeps-weights", namespace, cache=retained),
    )


def serve(site: Site, namespace: str) -> None:
    site.install("--wait")
    site.api.namespace(namespace)
    with site.operator():
        site.apply(*models(namespace))
        site.serving(*models(namespace))


def left(site: Site, selector: str) -> str:
    words = ("--all-namespaces", f"--selector={selector}", "--output=name")
    return site.kubectl("get", KINDS, *words).replace("No resources found\n", "")


def gone(site: Site, selector: str) -> None:
    eventually(lambda: left(site, selector), lambda seen: seen == "", what=f"the end of {selector}")


def test_the_documented_commands_leave_nothing(fresh_site: Site) -> None:
    site = fresh_site
    serve(site, "removed")
    assert "persistentvolumeclaim/keeps-weights" in left(site, OF_MODELS)
    assert "clusterrole" in left(site, OF_THE_RELEASE)
    with site.operator(resources=2):
        site.commands(block("upgrading.md", "remove everything"))
    gone(site, OF_MODELS)
    gone(site, OF_THE_RELEASE)
    assert site.crds() == {}
    assert site.api.get(f"/api/v1/namespaces/{NAMESPACE}") is None


def test_models_can_be_deleted_when_no_operator_is_left(fresh_site: Site) -> None:
    site = fresh_site
    serve(site, "orphaned")
    site.release("uninstall", RELEASE, "--wait")
    site.kubectl("delete", "cosmosgenerators,cosmosreasoners", "--all", "--namespace=orphaned")
    eventually(
        lambda: left(site, OF_MODELS),
        lambda seen: [line.partition("/")[0] for line in seen.split()] == ["persistentvolumeclaim"],
        what="the end of all but the retained claim",
    )


def test_deleting_crds_first_ends_the_models_and_hangs_nowhere(fresh_site: Site) -> None:
    site = fresh_site
    serve(site, "beheaded")
    with site.operator(resources=2):
        site.kubectl("delete", "crd", *CRDS)
        eventually(
            lambda: left(site, f"{OF_MODELS},app.kubernetes.io/component in (generator,reasoner)"),
            lambda seen: seen.count("\n") == seen.count("persistentvolumeclaim/"),
            what="the end of all but the retained claim",
        )
    site.release("uninstall", RELEASE, "--wait")
    gone(site, OF_THE_RELEASE)
