"""What the chart makes of its values."""

from __future__ import annotations

import pytest
import yaml

from support.helm import CHART, Helm
from support.repository import ROOT


def test_two_renders_are_identical(helm: Helm) -> None:
    assert helm("template", "x", str(CHART)) == helm("template", "x", str(CHART))


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "crds").glob("*.yaml"))])
def test_the_chart_carries_the_crds_for_plain_apply_unchanged(helm: Helm, name: str) -> None:
    plain = (ROOT / "crds" / name).read_text("utf-8")
    assert (CHART / "files" / "crds" / name).read_text("utf-8") == plain
    expected = yaml.safe_load(plain)
    rendered = next(
        item
        for item in helm.render()
        if item["kind"] == expected["kind"]
        and item["metadata"]["name"] == expected["metadata"]["name"]
    )
    assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert rendered["spec"] == expected["spec"]
