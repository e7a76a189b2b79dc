"""The committed CRDs: fresh, small, structural, described, bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import strategies
from cosmos3_operator.api.crds import crd, crd_files, schema
from cosmos3_operator.api.resource import Kind, plural

Json = dict[str, Any]
CRDS = Path(__file__).resolve().parents[3] / "crds"


def nodes(path: str, node: Json) -> Iterator[tuple[str, Json]]:
    yield path, node
    for name, part in node.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", part)
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from nodes(f"{path}[]", node[key])


def test_committed_files_are_fresh() -> None:
    committed = {path.name: path.read_text("utf-8") for path in CRDS.iterdir()}
    assert committed == crd_files(), "run `make crds`"


@pytest.mark.parametrize("kind", Kind)
def test_files_say_that_they_are_generated_and_stay_small(kind: Kind) -> None:
    text = crd_files()[f"{plural(kind)}.serving.cosmos3.io.yaml"]
    assert text.startswith("# Generated from ")
    assert "Do not edit." in text.splitlines()[0]
    assert len(text.encode()) < 200 * 1024
    assert len(json.dumps(crd(kind)).encode()) < 256 * 1024, "client-side apply's annotation"
    assert yaml.safe_load(text) == crd(kind)


@pytest.mark.parametrize("kind", Kind)
def test_names(kind: Kind) -> None:
    names = crd(kind)["spec"]["names"]
    assert names["shortNames"] == ["cgen" if kind is Kind.GENERATOR else "creason"]
    assert names["categories"] == ["cosmos"]
    assert names["plural"] == plural(kind) == f"{kind.lower()}s"


@pytest.mark.parametrize("kind", Kind)
def test_every_node_has_one_type_and_every_field_a_description(kind: Kind) -> None:
    for path, node in nodes("", schema(kind)["properties"]["spec"]):
        assert ("type" in node) != ("x-kubernetes-int-or-string" in node), path
        assert not {"$ref", "anyOf", "allOf", "oneOf", "title", "not"} & set(node), path
        if not path.endswith("[]"):
            assert len(node["description"]) > 5, path
            assert "\n\n" not in node["description"], path


@pytest.mark.parametrize("kind", Kind)
def test_everything_has_a_largest_size(kind: Kind) -> None:
    for path, node in nodes("", schema(kind)["properties"]["spec"]):
        if node.get("type") == "string":
            assert "enum" in node or "maxLength" in node, path
        if node.get("type") == "array":
            assert "maxItems" in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


@pytest.mark.parametrize("kind", Kind)
def test_no_whole_spec_comes_near_what_etcd_stores(kind: Kind) -> None:
    """Env values, annotations and arguments together stay below etcd's 1.5 MiB."""
    spec = schema(kind)["properties"]["spec"]["properties"]
    env = spec["pod"]["properties"]["env"]
    annotations = spec["pod"]["properties"]["annotations"]
    largest = (
        env["maxItems"] * env["items"]["properties"]["value"]["maxLength"]
        + 2 * annotations["maxProperties"] * annotations["additionalProperties"]["maxLength"]
        + spec["extraArgs"]["maxItems"] * spec["extraArgs"]["items"]["maxLength"]
    )
    assert largest < 1024 * 1024


@pytest.mark.parametrize("kind", Kind)
def test_defaults_satisfy_the_schema_of_their_type(kind: Kind) -> None:
    python = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    found = [(p, n) for p, n in nodes("", schema(kind)["properties"]["spec"]) if "default" in n]
    assert len(found) > 20
    for path, node in found:
        assert type(node["default"]) is python[node["type"]], path
        assert node["default"] not in ([], {}), f"{path} would only fill the spec with nothing"


@pytest.mark.parametrize("kind", Kind)
def test_every_text_field_has_samples_for_the_property_tests(kind: Kind) -> None:
    surface = str(strategies.SURFACES[kind]).lower()
    leaves = list(strategies.text_leaves(kind))
    assert len(leaves) > 40
    missing = [p for p in leaves if strategies.samples(strategies.TEXTS, surface + p) is None]
    assert missing == []
