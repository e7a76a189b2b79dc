"""`make dist`: what a release hands out is whole, agrees with itself, and can be made again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from release import dist
from release.chart import Image, with_image
from release.errors import ReleaseError
from support.helm import NAMESPACE, RELEASE, Helm
from support.repository import ROOT

from .conftest import Clone, clone_into

VERSION = "91.0.0-rc.1"
REGISTRY = "registry.example.com:5000/team"
DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = f"{REGISTRY}/cosmos3-operator@{DIGEST}"
HANDED_OUT = {
    f"cosmos3-operator-{VERSION}-crds.yaml",
    f"cosmos3-operator-{VERSION}-images.txt",
    f"cosmos3-operator-{VERSION}.cdx.json",
    f"cosmos3-operator-{VERSION}.tgz",
    "cosmos3_operator-91.0.0rc1-py3-none-any.whl",
    "cosmos3_operator-91.0.0rc1.tar.gz",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders, made from one commit in two checkouts at different times."""
    first = clone_into(tmp_path_factory.mktemp("first"))
    first.make("release", f"VERSION={VERSION}")
    first.commit("Release")
    second = Clone(tmp_path_factory.mktemp("second") / "clone")
    first.git("clone", "--quiet", str(first.root), str(second.root))
    for path in second.root.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(_dist, (first, second))
    return one, two


def _dist(clone: Clone) -> Path:
    clone.make("dist", f"REGISTRY={REGISTRY}", f"DIGEST={DIGEST}")
    return clone.root / "dist"


@pytest.fixture(scope="module")
def folder(made: tuple[Path, Path]) -> Path:
    return made[0]


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(home=tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def chart(folder: Path) -> Iterator[dict[str, Any]]:
    with tarfile.open(folder / f"cosmos3-operator-{VERSION}.tgz") as archive:
        member = archive.extractfile("cosmos3-operator/Chart.yaml")
        assert member is not None
        yield yaml.safe_load(member.read())


def test_one_commit_makes_the_same_files_anywhere(made: tuple[Path, Path]) -> None:
    one, two = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in made
    )
    assert one == two
    assert one.keys() == HANDED_OUT | {dist.SUMS, dist.NOTES}


def test_the_checksums_are_of_all_that_is_handed_out(folder: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", dist.SUMS],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {line.removesuffix(": OK") for line in done.stdout.splitlines()} == HANDED_OUT


def test_the_chart_installs_the_very_image_of_its_release(folder: Path, helm: Helm) -> None:
    archive = folder / f"cosmos3-operator-{VERSION}.tgz"
    (deployment,) = (item for item in helm.render(chart=archive) if item["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert f"--preflight-image={IMAGE}" in container["args"]
    mirrored = {"global": {"imageRegistry": "mirror.example.com"}}
    objects = helm.render(mirrored, chart=archive)
    (deployment,) = (item for item in objects if item["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"mirror.example.com/cosmos3-operator@{DIGEST}"


def test_the_released_chart_passes_helms_own_check(folder: Path, helm: Helm) -> None:
    said = helm("lint", "--strict", str(folder / f"cosmos3-operator-{VERSION}.tgz"))
    assert "0 chart(s) failed" in said


def test_a_release_changes_nothing_else_of_the_chart(folder: Path, helm: Helm) -> None:
    """But the image, and the version in labels."""
    archive = str(folder / f"cosmos3-operator-{VERSION}.tgz")
    there = helm("template", RELEASE, archive, f"--namespace={NAMESPACE}")
    values = [f"--set=image.registry={REGISTRY}", f"--set=image.digest={DIGEST}"]
    source = str(folder.parent / "charts" / "cosmos3-operator")
    assert there == helm("template", RELEASE, source, f"--namespace={NAMESPACE}", *values)


def test_hubs_are_told_version_crds_images_and_changes(chart: dict[str, Any], folder: Path) -> None:
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)
    told = {name.removeprefix("artifacthub.io/"): v for name, v in chart["annotations"].items()}
    assert all(isinstance(value, str) for value in told.values())
    assert told["prerelease"] == "true"
    assert told["operator"] == "true"
    crds = {(crd["name"], crd["kind"], crd["version"]) for crd in yaml.safe_load(told["crds"])}
    assert crds == {
        ("cosmosgenerators.serving.cosmos3.io", "CosmosGenerator", "v1alpha1"),
        ("cosmosreasoners.serving.cosmos3.io", "CosmosReasoner", "v1alpha1"),
    }
    examples = yaml.safe_load(told["crdsExamples"])
    assert {example["kind"] for example in examples} == {kind for _, kind, _ in crds}
    listed = [entry["image"] for entry in yaml.safe_load(told["images"])]
    text = (folder / f"cosmos3-operator-{VERSION}-images.txt").read_text("utf-8")
    assert listed == text.splitlines()
    assert listed[0] == IMAGE
    changes = yaml.safe_load(told["changes"])
    kinds = {"added", "changed", "deprecated", "removed", "fixed", "security"}
    assert changes
    assert {change["kind"] for change in changes} <= kinds
    assert all(change["description"] for change in changes)


def test_the_chart_is_found_by_the_words_of_the_package(chart: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert chart["keywords"] == project["keywords"]
    assert chart["annotations"]["artifacthub.io/license"] == project["license"]


def test_the_crds_are_those_of_the_folder(folder: Path) -> None:
    text = (folder / f"cosmos3-operator-{VERSION}-crds.yaml").read_text("utf-8")
    parts = [path.read_text("utf-8") for path in sorted((ROOT / "crds").glob("*.yaml"))]
    assert list(yaml.safe_load_all(text)) == [yaml.safe_load(part) for part in parts]


def test_the_wheel_runs_by_itself(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cosmos3_operator", "--version"],
        cwd=folder,
        env={"PYTHONPATH": str(next(folder.glob("*.whl")))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"cosmos3-operator {VERSION}\n"


def test_the_notes_are_the_changelogs_words_and_the_image(folder: Path) -> None:
    notes = (folder / dist.NOTES).read_text("utf-8")
    assert notes.startswith(f"Image: `{IMAGE}`\n")
    assert "### Added" in notes
    assert "](docs/" not in notes


@pytest.mark.parametrize(
    ("registry", "digest", "words"),
    [
        ("", "", "REGISTRY is ''"),
        ("https://registry.example.com/team", "", "without a scheme"),
        ("registry.example.com/Team", "", "in lower case"),
        ("registry.example.com/team/", "", "without a slash at the end"),
        ("registry.example.com", "sha256:abc", "64 hexadecimal digits"),
    ],
)
def test_an_address_that_cannot_be_is_refused(registry: str, digest: str, words: str) -> None:
    with pytest.raises(ReleaseError, match=words):
        Image(registry=registry, digest=digest)


def test_only_the_operators_own_image_is_named_in_the_values() -> None:
    values = (
        '# image: above\nimage:\n  # where\n  registry: ""\n  digest: ""\nother:\n  registry: ""\n'
    )
    expected = values.replace('  registry: ""', '  registry: "r.io/x"', 1)
    assert with_image(values, {"registry": "r.io/x"}) == expected


@pytest.mark.parametrize("values", ["image: {registry: ''}\n", "image:\n  registry: null\n"])
def test_values_that_cannot_be_stamped_are_an_error(values: str) -> None:
    with pytest.raises(ReleaseError, match=r"values\.yaml"):
        with_image(values, {"registry": "r.io/x"})


def test_what_lies_in_dist_already_is_not_mixed_with_a_release(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    with pytest.raises(ReleaseError, match="is not empty"):
        dist.build(ROOT, tmp_path, image=Image(registry="r.io"), helm=Path("helm"))
