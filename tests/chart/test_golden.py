"""The renders of the main value sets, as files to be read; see support/chart_cases.py."""

from __future__ import annotations

import re

import pytest

from support.chart_cases import CASES, FOLDER, values_file
from support.helm import CHART, NAMESPACE, RELEASE, Helm

COPIES = (
    # What is copied from a file of the chart, by the kind that carries it, and where it begins.
    ("CustomResourceDefinition", re.compile(r"^spec:\n.*", re.M | re.S), "spec: (files/crds)"),
    (
        "PrometheusRule",
        re.compile(r"^spec:\n  groups:\n.*", re.M | re.S),
        "spec: {groups: (alerts)}",
    ),
    (
        "ConfigMap",
        re.compile(r"^  (cosmos3-\w+\.json): \|\n.*", re.M | re.S),
        r"  \1: (dashboards)",
    ),
)


def rendered(helm: Helm, case: str) -> str:
    text = helm(
        *("template", RELEASE, str(CHART), f"--namespace={NAMESPACE}"),
        *("--kube-version=1.36.3", f"--values={values_file(case)}"),
    )
    return "---\n".join(shown(document) for document in re.split(r"^---\n", text, flags=re.M))


def shown(document: str) -> str:
    for kind, pattern, instead in COPIES:
        if f"\nkind: {kind}\n" in document:
            document = pattern.sub(instead, document) + "\n"
    return re.sub(r"\n{2,}", "\n", document)


def notes(helm: Helm, case: str) -> str:
    text = helm(
        *("install", RELEASE, str(CHART), f"--namespace={NAMESPACE}", "--dry-run=client"),
        f"--values={values_file(case)}",
    )
    return text.partition("\nNOTES:\n")[2].rstrip() + "\n"


@pytest.mark.parametrize("case", CASES)
def test_golden(helm: Helm, case: str, request: pytest.FixtureRequest) -> None:
    made = {"rendered.yaml": rendered(helm, case), "notes.txt": notes(helm, case)}
    if request.config.getoption("--update-golden"):
        for name, text in made.items():
            (FOLDER / case / name).write_text(text, "utf-8")
    committed = {name: (FOLDER / case / name).read_text("utf-8") for name in made}
    assert made == committed, f"{case} changed: run `make golden` and read the diff"


@pytest.mark.parametrize("case", CASES)
def test_lint_is_strict_and_finds_nothing(helm: Helm, case: str) -> None:
    said = helm("lint", "--strict", str(CHART), f"--values={values_file(case)}")
    # Helm would like an icon, which needs an address.
    found = [line for line in said.splitlines() if line.startswith("[")]
    assert found in ([], ["[INFO] Chart.yaml: icon is recommended"])


def test_every_case_says_whose_values_these_are() -> None:
    assert [case for case in CASES if not values_file(case).read_text().startswith("# ")] == []


def test_notes_fit_a_terminal(helm: Helm) -> None:
    for case in CASES:
        text = (FOLDER / case / "notes.txt").read_text("utf-8")
        lines = [line for line in text.splitlines() if "@sha256:" not in line]
        assert max(map(len, lines)) <= 120, case
        assert "<no value>" not in text
