"""The SBOM lists exactly what the image is installed from, and follows CycloneDX."""

from __future__ import annotations

import json
import re
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest

from release import sbom
from release.errors import ReleaseError
from release.versions import source
from support.repository import ROOT

TIME = 1_700_000_000


@pytest.fixture(scope="module")
def text() -> str:
    return sbom.document(ROOT, TIME)


@pytest.fixture(scope="module")
def document(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def test_it_lists_the_lock_and_nothing_else(document: dict[str, Any]) -> None:
    lock = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    pins = set(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    assert pins
    assert {(found["name"], found["version"]) for found in document["components"]} == pins
    hashes = [
        found["content"]
        for component in document["components"]
        for files in component["externalReferences"]
        for found in files["hashes"]
    ]
    assert sorted(hashes) == sorted(re.findall(r"sha256:([0-9a-f]{64})", lock))


def test_every_package_names_its_licence(document: dict[str, Any]) -> None:
    for component in document["components"]:
        (licence,) = component["licenses"]
        assert licence.get("expression") or licence["license"]["id"], component["name"]


def test_every_package_is_there_because_something_needs_it(document: dict[str, Any]) -> None:
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    reached, ahead = set[str](), [document["metadata"]["component"]["bom-ref"]]
    while ahead:
        reference = ahead.pop()
        if reference not in reached:
            reached.add(reference)
            ahead += needs[reference]
    assert {component["bom-ref"] for component in document["components"]} <= reached


def test_it_is_of_this_version_and_made_again_the_same(text: str) -> None:
    document = json.loads(text)
    assert document["metadata"]["component"]["version"] == str(source(ROOT))
    assert document["metadata"]["timestamp"].startswith("2023-11-14T22:13:20")
    assert sbom.document(ROOT, TIME) == text


def test_what_breaks_the_schema_is_not_written(text: str) -> None:
    broken = text.replace('"type": "library"', '"type": "book"', 1)
    with pytest.raises(ReleaseError, match=r"does not follow CycloneDX 1\.6"):
        sbom.checked(broken)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("License-Expression: MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("License: BSD-3-Clause", "BSD-3-Clause"),
        (
            "License: as is\nClassifier: License :: OSI Approved :: Apache Software License",
            "Apache-2.0",
        ),
    ],
)
def test_a_licence_is_read_as_it_is_stated(tmp_path: Path, metadata: str, expected: str) -> None:
    assert sbom.licence(_package(tmp_path, metadata)) == expected


@pytest.mark.parametrize("metadata", ["", "License: see LICENSE", "Classifier: License :: Other"])
def test_a_licence_that_is_not_stated_is_not_guessed(tmp_path: Path, metadata: str) -> None:
    with pytest.raises(ReleaseError, match=r"thing 1\.0 names no SPDX licence"):
        sbom.licence(_package(tmp_path, metadata))


def _package(folder: Path, metadata: str) -> PathDistribution:
    text = f"Metadata-Version: 2.4\nName: thing\nVersion: 1.0\n{metadata}\n"
    (folder / "METADATA").write_text(text)
    return PathDistribution(folder)
