"""What chart hubs show: Artifact Hub's annotations, from the facts that are stated elsewhere.

In: the CRDs, two examples, CHANGELOG.md, the catalog's images. Out: annotations for Chart.yaml of a
release; those that never change stand in Chart.yaml itself. Their names and forms:
https://artifacthub.io/docs/topics/annotations/helm/
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cosmos3_operator.catalog.images import images_of, pullable
from cosmos3_operator.catalog.load import load
from release import changelog, versions

EXAMPLES = ("examples/cosmosgenerator.yaml", "examples/cosmosreasoner.yaml")
PLATFORMS = ("linux/amd64", "linux/arm64")
_KINDS = {"Restarts": "changed"}


def facts(root: Path, image: str) -> dict[str, str]:
    """Return the annotations of this version, its image being at the given place."""
    version = versions.source(root)
    change = _changes(root, version)
    described = {
        "changes": _yaml(change),
        "containsSecurityUpdates": _flag("security" in {entry["kind"] for entry in change}),
        "crds": _yaml(list(_crds(root))),
        "crdsExamples": _yaml([_read(root / path) for path in EXAMPLES]),
        "images": _yaml([_own(image), *_servers()]),
        "prerelease": _flag(bool(version.stage)),
    }
    return {f"artifacthub.io/{name}": text for name, text in described.items()}


def _changes(root: Path, version: versions.Version) -> list[dict[str, str]]:
    found = changelog.section_of((root / changelog.FILE).read_text("utf-8"), version)
    return [
        {"kind": _KINDS.get(heading, heading.lower()), "description": words}
        for heading, words in changelog.changes(found)
    ]


def _crds(root: Path) -> Iterator[dict[str, str]]:
    for path in sorted((root / "crds").glob("*.yaml")):
        crd = _read(path)
        names, version = crd["spec"]["names"], crd["spec"]["versions"][0]
        yield {
            "kind": names["kind"],
            "version": version["name"],
            "name": crd["metadata"]["name"],
            "displayName": names["kind"],
            "description": version["schema"]["openAPIV3Schema"]["description"],
        }


def _own(image: str) -> dict[str, Any]:
    return {"name": "cosmos3-operator", "image": image, "platforms": list(PLATFORMS)}


def _servers() -> Iterator[dict[str, Any]]:
    """Yield the model servers' images; they are not ours, so a hub need not scan them for us."""
    for runtime in load().runtimes:
        for number, image in enumerate(images_of(runtime)):
            line = f"-{number}" if number else ""
            name = f"{runtime.engine}-{runtime.version}{line}"
            yield {"name": name, "image": pullable(image), "whitelisted": True}


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def _yaml(data: object) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=4096)


def _flag(value: object) -> str:
    return str(bool(value)).lower()
