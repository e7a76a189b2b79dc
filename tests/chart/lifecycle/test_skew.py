"""An operator and CRDs of different versions: in the middle of an upgrade, or by mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.api import Api
from support.next_chart import FIELD, next_chart
from support.repository import ROOT
from support.resources import generator
from support.site import CRDS, Site

pytestmark = pytest.mark.cluster


def older_crds(folder: Path) -> Path:
    """Write CRDs of a version whose status had no `startup`, and no image in its plan."""
    for name in CRDS:
        crd = yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text("utf-8"))
        status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
        del status["properties"]["startup"]
        plan = status["properties"]["plan"]
        del plan["properties"]["image"]
        plan["required"].remove("image")
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(crd, sort_keys=False), "utf-8")
    return folder


def status_of(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    found = api.get(api.path(body))
    assert found is not None
    return dict(found["status"])


def test_older_crds_cost_new_fields_of_the_status_and_nothing_else(
    fresh_site: Site, tmp_path: Path
) -> None:
    site = fresh_site
    site.kubectl("apply", "--server-side", "-f", str(older_crds(tmp_path)))
    site.install("--set=crds.enabled=false", "--wait")
    namespace = site.api.namespace("older-crds")
    model = generator("model", namespace, guardrails={"mode": "Disabled"})
    with site.operator() as operator:
        site.apply(model)
        site.serving(model)
        plan = status_of(site.api, model)["plan"]
        assert "image" not in plan
        assert plan["gpusPerReplica"] == 1
        said = [one["message"] for one in operator.entries() if one["level"] == "warning"]
    assert any(
        "is older than this operator and does not know .status.plan.image" in m for m in said
    )


def test_newer_crds_leave_an_older_operator_at_work(fresh_site: Site, work: Path) -> None:
    site = fresh_site
    site.install("--wait", chart=next_chart(work / "newer-crds"))
    namespace = site.api.namespace("newer-crds")
    known = generator("known", namespace, guardrails={"mode": "Disabled"})
    ahead = generator("ahead", namespace, guardrails={"mode": "Disabled"}, **{FIELD: "set"})
    with site.operator():
        site.apply(known, ahead)
        # The older operator does not know the field, and serves what it knows.
        site.serving(known, ahead)
    assert site.api.get(site.api.path(ahead))["spec"][FIELD] == "set", "it waits for the newer one"
