"""CRDs change hands: from another release, from plain kubectl, to plain kubectl.

Helm refuses what another release or nobody's release has made, and the API server refuses to give
the fields of one manager to another. Both are right; docs/upgrading.md says the way.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.doc_blocks import block
from support.helm import CHART, NAMESPACE, RELEASE
from support.next_chart import FIELD, next_chart, spec_schema
from support.repository import ROOT
from support.resources import generator
from support.site import Site
from support.untouched import picture
from support.waiting import eventually

pytestmark = pytest.mark.cluster

ELSEWHERE = "elsewhere"
PLAIN = ("apply", "--server-side", "-f", str(ROOT / "crds"))
REFUSED = "cannot be imported into the current release: invalid ownership metadata"


def try_install(
    site: Site, name: str, namespace: str, *words: str
) -> subprocess.CompletedProcess[str]:
    where = f"--namespace={namespace}"
    return site.helm.run("install", name, str(CHART), where, "--create-namespace", *words)


def uids(site: Site) -> dict[str, str]:
    return {name: crd["metadata"]["uid"] for name, crd in site.crds().items()}


def owners(site: Site) -> set[tuple[Any, ...]]:
    """Return which release each CRD says that it belongs to."""
    return {
        tuple(
            (crd["metadata"].get("annotations") or {}).get(f"meta.helm.sh/release-{word}")
            for word in ("namespace", "name")
        )
        for crd in site.crds().values()
    }


def next_fields(site: Site) -> list[bool]:
    return [FIELD in spec_schema(crd)["properties"] for crd in site.crds().values()]


def test_another_release_takes_kept_crds_over_only_when_told_to(fresh_site: Site) -> None:
    site = fresh_site
    site.install()
    site.release("uninstall", RELEASE, "--wait")
    kept = uids(site)

    refused = try_install(site, "other", ELSEWHERE)
    assert refused.returncode != 0
    assert REFUSED in refused.stderr
    assert site.helm("list", f"--namespace={ELSEWHERE}", "--short") == "", (
        "nothing is half installed"
    )

    site.commands(block("upgrading.md", "another release"))
    assert uids(site) == kept
    assert owners(site) == {("new-namespace", "new-release")}


@pytest.mark.parametrize("how", ["client-side", "server-side"])
def test_helm_takes_over_what_plain_kubectl_applied(fresh_site: Site, work: Path, how: str) -> None:
    site = fresh_site
    site.kubectl(*(word for word in PLAIN if how == "server-side" or word != "--server-side"))
    applied = uids(site)

    refused = try_install(site, RELEASE, NAMESPACE)
    assert refused.returncode != 0
    assert REFUSED in refused.stderr

    site.commands(block("upgrading.md", "from kubectl to Helm"))
    assert owners(site) == {(NAMESPACE, RELEASE)}

    # kubectl is still known as a manager: the first upgrade that changes a CRD must insist.
    chart = next_chart(work / f"after-{how}")
    refused = site.try_release("upgrade", RELEASE, str(chart))
    assert refused.returncode != 0
    assert 'conflict with "kubectl' in refused.stderr
    site.commands(
        block("upgrading.md", "first upgrade after kubectl").replace(
            "charts/cosmos3-operator", str(chart)
        )
    )
    site.release("upgrade", RELEASE, str(next_chart(work / f"later-{how}")))
    assert next_fields(site) == [True, True]
    assert uids(site) == applied


def test_kubectl_takes_over_what_helm_installed(fresh_site: Site, work: Path) -> None:
    site = fresh_site
    site.install(chart=next_chart(work / "before"))
    installed = uids(site)
    assert "conflict" in site.kubectl(*PLAIN, check=False)

    site.commands(block("upgrading.md", "from Helm to kubectl"))
    assert next_fields(site) == [False, False], "they are those of crds/ again"
    assert uids(site) == installed

    # What Helm does from here on is none of the CRDs' business.
    site.release("upgrade", RELEASE, str(CHART), "--reuse-values")
    site.release("uninstall", RELEASE, "--wait")
    assert uids(site) == installed


def test_a_second_release_is_refused_unless_it_serves_other_namespaces(fresh_site: Site) -> None:
    site = fresh_site
    site.install()
    refused = try_install(site, "second", ELSEWHERE)
    assert refused.returncode != 0
    assert REFUSED in refused.stderr

    for team in ("team-a", "team-b"):
        site.api.namespace(team)
    site.release("upgrade", RELEASE, str(CHART), "--set=watchNamespaces={team-a}")
    words = ("--set=watchNamespaces={team-b}", "--set=crds.enabled=false")
    done = try_install(site, "second", ELSEWHERE, *words)
    assert done.returncode == 0, done.stderr
    resources = [
        generator("nano", team, guardrails={"mode": "Disabled"}) for team in ("team-a", "team-b")
    ]
    site.apply(*resources)
    with site.operator(resources=1):
        site.serving(resources[0])
        assert site.api.children("team-b") == []
        with site.operator(namespace=ELSEWHERE, name="second-cosmos3-operator", resources=1):
            site.serving(resources[1])


def test_uninstalling_a_release_that_does_not_keep_its_crds_takes_the_models(
    fresh_site: Site,
) -> None:
    """As docs/upgrading.md warns."""
    site = fresh_site
    site.install("--set=crds.keep=false")
    site.api.namespace("models")
    site.apply(generator("nano", "models"))
    site.release("uninstall", RELEASE, "--wait")
    eventually(site.crds, lambda left: not left, what="the end of the CRDs")
    eventually(
        lambda: picture(site.api, "models"), lambda left: not left, what="the end of the models"
    )


def test_turning_crds_off_deletes_them_where_they_are_not_kept(fresh_site: Site) -> None:
    """As docs/upgrading.md warns."""
    site = fresh_site
    site.install("--set=crds.keep=false")
    site.release("upgrade", RELEASE, str(CHART), "--set=crds.enabled=false", "--wait")
    eventually(site.crds, lambda left: not left, what="the end of the CRDs")
