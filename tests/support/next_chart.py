"""The chart of a version to come, made from the real one.

Its operator has another version and thus another image. Its CRDs have one more field, and two rules
that are stricter than today's: a lower maximum, and one in CEL. What exists may break either.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from support.helm import CHART

NEXT = "99.0.0"
FIELD = "nextField"
MOST_REPLICAS = 2
LONGEST_CONTEXT = 65536
RULE = f"maxModelLength: at most {LONGEST_CONTEXT} from this version on"


def next_chart(folder: Path) -> Path:
    """Copy the chart into a new folder, and make it the next one."""
    chart = folder / f"cosmos3-operator-{NEXT}"
    shutil.copytree(CHART, chart)
    _edit(chart / "Chart.yaml", _release)
    for path in sorted((chart / "files" / "crds").glob("*.yaml")):
        _edit(path, _tighten)
    return chart


def broken_chart(folder: Path) -> Path:
    """Make a next chart whose Deployment the API server refuses, after it has taken the CRDs."""
    chart = next_chart(folder)
    template = chart / "templates" / "deployment.yaml"
    text = template.read_text("utf-8")
    assert "\nspec:\n" in text
    broken = text.replace("\nspec:\n", "\nspec:\n  progressDeadlineSeconds: -1\n", 1)
    template.write_text(broken, "utf-8")
    return chart


def spec_schema(crd: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of `spec` of a CRD."""
    (version,) = crd["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def _release(chart: dict[str, Any]) -> None:
    chart["version"] = chart["appVersion"] = NEXT


def _tighten(crd: dict[str, Any]) -> None:
    fields = spec_schema(crd)["properties"]
    fields[FIELD] = {"type": "string", "maxLength": 20}
    fields["replicas"]["maximum"] = MOST_REPLICAS
    if "maxModelLength" in fields:
        rule = {"rule": f"self <= {LONGEST_CONTEXT}", "message": RULE}
        fields["maxModelLength"].setdefault("x-kubernetes-validations", []).append(rule)


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    data = yaml.safe_load(path.read_text("utf-8"))
    change(data)
    path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), "utf-8")
