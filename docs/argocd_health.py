"""What goes with Argo CD's health scripts: their tests, and the forms in which they are applied.

In: the health.lua of each kind, and golden statuses. Out: for each kind a health_test.yaml with
its testdata, as Argo CD's own resource_customizations has them; the scripts as a patch for the
ConfigMap argocd-cm, and as entries for the ArgoCD resource of its operator. The expected
messages are worked out here a second time: tests run the scripts against them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cosmos3_operator.api.resource import GROUP, Kind

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden_status"
FOLDER = ROOT / "examples" / "gitops" / "argocd" / "resource_customizations"

CASES = {
    Kind.GENERATOR: {
        "progressing_checking_access": ("access-just-asked", "Progressing"),
        "degraded_licence_not_accepted": ("access-licence-not-accepted", "Degraded"),
        "degraded_spec_not_accepted": ("refused-by-the-planner", "Degraded"),
        "progressing_waiting_for_gpus": ("waiting-for-gpus", "Progressing"),
        "progressing_loading": ("loading", "Progressing"),
        "progressing_two_replicas_one_serves": ("one-of-two-serves", "Progressing"),
        "degraded_crash_looping": ("crash-looping", "Degraded"),
        "progressing_node_lost": ("node-lost", "Progressing"),
        "progressing_operator_fails": ("operator-fails", "Progressing"),
        "healthy": ("serving", "Healthy"),
        "healthy_scaled_to_zero": ("scaled-to-zero", "Healthy"),
    },
    Kind.REASONER: {
        "progressing_warming_up": ("starting-warming-up", "Progressing"),
        "progressing_driver_too_old": ("devices-driver-too-old", "Progressing"),
        "degraded_revision_not_found": ("access-revision-not-found", "Degraded"),
        "degraded_kv_cache_too_small": ("kv-cache-too-small", "Degraded"),
        "healthy": ("reasoner-serving", "Healthy"),
    },
}
"""Moments in the life of a resource, by the file that shows them."""

HEADER = "# Generated from {source} by `make docs`. Do not edit.\n"
Json = dict[str, Any]


def files() -> dict[Path, str]:
    """Return the text of every generated file."""
    return {path: text for kind in Kind for path, text in _tests(kind)} | {
        FOLDER / "argocd-cm.yaml": _text(_config_map()),
        FOLDER / "argocd-operator.yaml": _text(_operator_resource()),
    }


def scripts() -> dict[Kind, str]:
    """Return the health script of each kind."""
    return {kind: (_folder(kind) / "health.lua").read_text("utf-8") for kind in Kind}


def _folder(kind: Kind) -> Path:
    return FOLDER / GROUP / str(kind)


def _tests(kind: Kind) -> Iterator[tuple[Path, str]]:
    """Yield the test data of a kind, and what its script must say about them."""
    tests = []
    for name, body, health in _moments(kind):
        yield _folder(kind) / "testdata" / f"{name}.yaml", _yaml(body)
        tests.append({"healthStatus": health, "inputPath": f"testdata/{name}.yaml"})
    yield _folder(kind) / "health_test.yaml", _yaml({"tests": tests})


def _moments(kind: Kind) -> Iterator[tuple[str, Json, Json]]:
    """Yield file, resource and expected health; first of specs that nobody has looked at."""
    healthy = resource_at(CASES[kind]["healthy"][0])
    generation = healthy["metadata"]["generation"]
    for name, body in {
        "progressing_not_observed": healthy | {"status": {"observedGeneration": -1}},
        "progressing_spec_changed": _with_generation(healthy, generation + 1),
    }.items():
        waiting = f"Waiting for the operator to look at generation {body['metadata']['generation']}"
        yield name, body, {"status": "Progressing", "message": waiting}
    for name, (case, status) in CASES[kind].items():
        body = resource_at(case)
        ready = next(one for one in body["status"]["conditions"] if one["type"] == "Ready")
        message = f"{ready['reason']}: {ready['message']}"
        yield name, body, {"status": status, "message": message}


def resource_at(case: str) -> Json:
    """Return the resource of a golden case with the status that it has then."""
    observed = yaml.safe_load((GOLDEN / case / "observed.yaml").read_text("utf-8"))
    status = yaml.safe_load((GOLDEN / case / "status.yaml").read_text("utf-8"))
    return {**observed["resource"], "status": status}


def _with_generation(body: Mapping[str, Any], generation: int) -> Json:
    return {**body, "metadata": {**body["metadata"], "generation": generation}}


def _config_map() -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "argocd-cm",
            "namespace": "argocd",
            "labels": {
                "app.kubernetes.io/name": "argocd-cm",
                "app.kubernetes.io/part-of": "argocd",
            },
        },
        "data": {
            f"resource.customizations.health.{GROUP}_{kind}": text
            for kind, text in scripts().items()
        },
    }


def _operator_resource() -> Json:
    checks = [
        {"group": GROUP, "kind": str(kind), "check": text} for kind, text in scripts().items()
    ]
    return {
        "apiVersion": "argoproj.io/v1beta1",
        "kind": "ArgoCD",
        "metadata": {"name": "argocd", "namespace": "argocd"},
        "spec": {"resourceHealthChecks": checks},
    }


def _text(body: Json) -> str:
    return HEADER.format(source="the health.lua files beside it") + _yaml(body)


class _Dumper(yaml.SafeDumper):
    """Writes scripts as they are, line by line."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def _yaml(body: Json) -> str:
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
