"""CustomResourceDefinitions, generated from the models.

In: the pydantic models. Out: one CRD for each kind, as data in a stable order and as the text of
its file. `make crds` writes them to crds/; a test fails when the committed files differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cosmos3_operator.api.resource import GROUP, NAME_RULE, SPECS, VERSION, Kind, plural
from cosmos3_operator.api.status import Status
from cosmos3_operator.api.structural import structural

SHORT_NAMES = {Kind.GENERATOR: "cgen", Kind.REASONER: "creason"}

NEVER_OBSERVED = -1
"""Generations begin at 1."""

_HEADER = """\
# Generated from operator/src/cosmos3_operator/api by `make crds`. Do not edit.
"""

_DESCRIPTIONS = {
    Kind.GENERATOR: "CosmosGenerator serves a Cosmos 3 checkpoint with vLLM-Omni: video, images, "
    "sound and robot actions out.",
    Kind.REASONER: "CosmosReasoner serves a Cosmos 3 checkpoint with vLLM: text and vision in, "
    "text out.",
}


def crd(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(kind)}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": str(kind),
                "listKind": f"{kind}List",
                "plural": plural(kind),
                "singular": kind.lower(),
                "shortNames": [SHORT_NAMES[kind]],
                "categories": ["cosmos"],
            },
            "versions": [_version(kind)],
        },
    }


def crd_files() -> dict[str, str]:
    """Return the text of every CRD file by file name."""
    return {f"{plural(kind)}.{GROUP}.yaml": _file_text(kind) for kind in Kind}


def _file_text(kind: Kind) -> str:
    text = yaml.safe_dump(crd(kind), sort_keys=False, allow_unicode=True, width=100)
    return f"{_HEADER}{text}"


def _version(kind: Kind) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": list(_columns()),
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "schema": {"openAPIV3Schema": schema(kind)},
    }


def schema(kind: Kind) -> dict[str, Any]:
    """Return the structural schema of a kind: what the API server accepts."""
    return {
        "type": "object",
        "description": _DESCRIPTIONS[kind],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": str(kind)},
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": structural(SPECS[kind]),
            "status": _status_schema(),
        },
        "x-kubernetes-validations": [NAME_RULE.to_crd()],
    }


def _status_schema() -> dict[str, Any]:
    """Return the schema of status; what nobody has looked at yet says so.

    Without a status, kstatus (Flux, Helm) takes any resource for current. A generation that never
    is, which Flux's own kinds have too, makes it one that is in progress.
    """
    schema = structural(Status) | {"default": {"observedGeneration": NEVER_OBSERVED}}
    schema["properties"]["conditions"] |= {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    return schema


def _columns() -> tuple[Mapping[str, Any], ...]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    return (
        _column("Model", "string", ".spec.model"),
        _column("GPUs", "integer", ".status.plan.gpusPerReplica", "GPUs of each replica"),
        _column("Replicas", "integer", ".spec.replicas", "Replicas wanted"),
        _column("Up", "integer", ".status.readyReplicas", "Replicas that serve"),
        _column("Ready", "string", f"{ready}.status"),
        _column("Reason", "string", f"{ready}.reason"),
        _column("Phase", "string", ".status.startup.phase", "How far a start is"),
        _column("Left", "string", ".status.startup.left", "Of the start-up budget"),
        _column("Since", "date", f"{ready}.lastTransitionTime", "When Ready last changed"),
        _column("Age", "date", ".metadata.creationTimestamp"),
        _column("Progress", "string", ".status.startup.progress", priority=1),
        _column("Endpoint", "string", ".status.endpoint", priority=1),
        _column("Message", "string", f"{ready}.message", priority=1),
    )


def _column(
    name: str, type_: str, path: str, description: str = "", *, priority: int = 0
) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": type_, "jsonPath": path}
    if description:
        column["description"] = description
    if priority:
        column["priority"] = priority
    return column
