"""`helm install --wait` of a chart of one's own waits for a model, and fails when it is Stalled.

Helm 4 judges by kstatus, as Flux does; here it does so for real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.resources import generator, simulated
from support.site import Site

pytestmark = pytest.mark.cluster

STUDIO = generator("studio", "studio", guardrails={"mode": "Disabled"})
PLACEHOLDER = "{{ toJson .Values.spec }}"


@pytest.fixture(scope="module")
def served_site(clean_site: Site) -> Iterator[Site]:
    clean_site.install("--wait")
    with clean_site.operator():
        yield clean_site


@pytest.fixture(scope="module")
def chart(work: Path) -> Path:
    """A chart as users write it, with one model."""
    folder = work / "studio"
    (folder / "templates").mkdir(parents=True)
    about = {"apiVersion": "v2", "name": "studio", "version": "1.0.0"}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about), "utf-8")
    (folder / "values.yaml").write_text(yaml.safe_dump({"spec": STUDIO["spec"]}), "utf-8")
    text = yaml.safe_dump({**STUDIO, "spec": "SPEC"}).replace("SPEC", PLACEHOLDER)
    (folder / "templates" / "studio.yaml").write_text(text, "utf-8")
    return folder


def test_helm_waits_until_it_is_ready_and_fails_once_it_is_stalled(
    served_site: Site, chart: Path
) -> None:
    site, where = served_site, "--namespace=studio"
    loading = json.dumps(simulated(ready_after="3s"))
    site.helm(
        *("install", "studio", str(chart), where, "--create-namespace"),
        *("--wait", "--timeout=240s", f"--set-json=spec.pod={loading}"),
    )
    seen = site.api.get(site.api.path(STUDIO))
    assert seen is not None
    assert seen["status"]["readyReplicas"] == 1, "it came back when the model served, not before"

    failed = site.helm.run(
        *("upgrade", "studio", str(chart), where),
        *("--wait", "--timeout=240s", "--set=spec.runtime.version=9.9.9"),
    )
    assert failed.returncode != 0
    assert "status: Failed, message: spec.runtime.version: '9.9.9' is not" in failed.stderr
    assert "deadline" not in failed.stderr, "it does not wait for what cannot come"

    site.helm("rollback", "studio", where, "--wait", "--timeout=240s")
    site.serving(STUDIO)
