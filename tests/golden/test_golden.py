"""Each folder here is a case that reads like documentation: a resource in, plan and objects out.

cr.yaml         the resource; a case without one takes the example of the same name
facts.yaml      the cluster's GPU nodes, as `plan --nodes` reads them; not known if absent
deployment.yaml the Deployment that serves already, with what was decided before; none if absent
preflight-image what the operator is given as --preflight-image; nothing if absent
plan.txt        what `cosmos3-operator plan` prints, or why the resource is refused
manifests.yaml  what `cosmos3-operator render` prints, except that the programs of `probes` are
                named and not printed; absent if the resource is refused

`make golden` rewrites the outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cosmos3_operator.cli.deployments import Deployments, read_deployments
from cosmos3_operator.cli.files import read_resources
from cosmos3_operator.cli.nodes import read_nodes
from cosmos3_operator.cli.render import objects_of, plan_all, to_yaml
from cosmos3_operator.manifests.programs import program
from cosmos3_operator.plan.explain import explain
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.settings import Settings

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"

SOURCES = {program(name): f"(probes/{name})" for name in ("gpu.py", "hub.py")}
OUTPUTS = ("plan.txt", "manifests.yaml")

CASES = sorted({p.name for p in HERE.iterdir() if p.is_dir() and p.name != "__pycache__"})
MISSING = sorted({p.stem for p in EXAMPLES.glob("*.yaml")} - set(CASES))


def source_of(case: str) -> Path:
    own = HERE / case / "cr.yaml"
    return own if own.exists() else EXAMPLES / f"{case}.yaml"


def facts_of(case: str) -> Facts:
    nodes = HERE / case / "facts.yaml"
    return read_nodes(nodes) if nodes.exists() else Facts()


def deployments_of(case: str) -> Deployments:
    live = HERE / case / "deployment.yaml"
    return read_deployments(live if live.exists() else None)


def settings_of(case: str) -> Settings:
    image = HERE / case / "preflight-image"
    return Settings(preflight_image=image.read_text("utf-8").strip() if image.exists() else "")


def outputs_of(case: str) -> dict[str, str]:
    plans, errors = plan_all(
        read_resources([str(source_of(case))]),
        namespace=None,
        facts=facts_of(case),
        settings=settings_of(case),
        deployments=deployments_of(case),
    )
    if errors:
        refused = [line.removeprefix(f"{source_of(case)}: ") for line in errors]
        return {"plan.txt": "\n".join(["Refused", *refused]) + "\n"}
    return {
        "plan.txt": "\n\n\n".join(explain(plan) for _, plan in plans) + "\n",
        "manifests.yaml": to_yaml(shown(child) for _, plan in plans for child in objects_of(plan)),
    }


def shown(child: Any) -> Any:
    """Return an object with the source of probes, hundreds of lines, replaced by their names."""
    if isinstance(child, dict):
        return {name: shown(value) for name, value in child.items()}
    if isinstance(child, list):
        return [shown(value) for value in child]
    return SOURCES.get(child, child) if isinstance(child, str) else child


@pytest.mark.parametrize("case", [*CASES, *MISSING])
def test_golden(case: str, request: pytest.FixtureRequest):
    made = outputs_of(case)
    folder = HERE / case
    if request.config.getoption("--update-golden"):
        folder.mkdir(exist_ok=True)
        for name in OUTPUTS:
            (folder / name).unlink(missing_ok=True)
        for name, text in made.items():
            (folder / name).write_text(text, "utf-8")
    committed = {n: (folder / n).read_text("utf-8") for n in OUTPUTS if (folder / n).exists()}
    assert made == committed, f"{case} changed: run `make golden` and read the diff"


def test_every_case_has_an_input():
    assert [case for case in CASES if not source_of(case).exists()] == []
