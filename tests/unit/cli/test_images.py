"""`images`: everything that a release may pull, in the form that the tools of mirrors take."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from cosmos3_operator.catalog.images import identifies, pullable
from cosmos3_operator.catalog.load import load
from cosmos3_operator.cli.main import main
from support.repository import ROOT

EXAMPLES = ROOT / "examples"
OWN = "registry.example.com:5000/team/cosmos3-operator:1.2.3"
# One host, one repository, and a tag or a digest: skopeo refuses both together.
REFERENCE = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+(:[\w.-]+|@sha256:[0-9a-f]{64})")


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["images", *args], input=stdin)


def lines(*args: str, stdin: str | None = None) -> list[str]:
    result = run(*args, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_each_line_is_one_reference_that_skopeo_crane_and_docker_take():
    listed = lines("--operator-image", OWN)
    assert listed[0] == OWN
    assert all(map(REFERENCE.fullmatch, listed))
    assert len(set(listed)) == len(listed)


def test_every_runtime_with_a_published_image_is_listed():
    listed = lines()
    for runtime in load().runtimes:
        found = [image for image in listed if identifies(image, runtime)]
        by_digest = [image for image in listed if runtime.digest and runtime.digest in image]
        assert bool(found or by_digest) is not runtime.needs_own_image, runtime.label


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_an_example_needs_is_among_all_that_is_listed(example: Path):
    assert set(lines("-f", str(example))) <= set(lines())
    models = set(lines("--models", "-f", str(example)))
    assert models <= set(lines("--models"))
    kinds = [found["kind"] for found in yaml.safe_load_all(example.read_text("utf-8")) if found]
    assert models or not any(kind.startswith("Cosmos") for kind in kinds)


def test_only_what_a_resource_pulls_is_listed_for_it():
    image = "mirror.example.com/vllm/vllm-omni:v0.30.0"
    spec = (
        "{model: nvidia/Cosmos3-Nano, guardrails: {mode: Disabled}, "
        f"runtime: {{version: 0.30.0, image: '{image}'}}}}"
    )
    body = resource("CosmosGenerator", spec)
    assert lines("-f", "-", stdin=body) == [image]
    assert lines("--models", "-f", "-", stdin=body) == ["nvidia/Cosmos3-Nano"]


def test_guardrails_bring_their_repositories():
    body = resource("CosmosGenerator", "{model: nvidia/Cosmos3-Nano}")
    listed = lines("--models", "-f", "-", stdin=body)
    assert listed == ["nvidia/Cosmos3-Nano", *load().guardrails.repositories]


def test_a_revision_is_named():
    body = resource("CosmosReasoner", "{model: nvidia/Cosmos3-Nano, revision: abc123}")
    assert lines("--models", "-f", "-", stdin=body) == ["nvidia/Cosmos3-Nano@abc123"]


def test_a_model_on_the_cache_needs_no_repository():
    body = resource("CosmosReasoner", "{model: /cache/nano, gpus: {count: 1}}")
    assert lines("--models", "-f", "-", stdin=body) == []


def test_json_says_what_each_is_for():
    whole = json.loads(run("-o", "json", "--operator-image", OWN).stdout)
    assert whole["images"][0] == {"name": OWN, "usedBy": ["the operator"]}
    assert {entry["name"] for entry in whole["models"]} == set(lines("--models"))
    assert all(entry["usedBy"] for entries in whole.values() for entry in entries)


def test_the_operator_and_its_jobs_may_share_an_image():
    listed = lines("--operator-image", OWN, "--preflight-image", OWN)
    assert listed.count(OWN) == 1


def test_a_resource_that_cannot_be_served_is_an_error_and_nothing_is_listed():
    result = run("-f", "-", stdin=resource("CosmosReasoner", "{model: 1}"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "spec.model" in result.stderr


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("vllm/vllm-omni:v1", "docker.io/vllm/vllm-omni:v1"),
        ("python", "docker.io/library/python:latest"),
        ("localhost/x:1", "localhost/x:1"),
        ("r.example.com:5000/x:1@sha256:ab", "r.example.com:5000/x@sha256:ab"),
    ],
)
def test_short_names_are_written_out(written: str, meant: str):
    assert pullable(written) == meant


def resource(kind: str, spec: str) -> str:
    return (
        f"apiVersion: serving.cosmos3.io/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\n"
        f"spec: {spec}\n"
    )
