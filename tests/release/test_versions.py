"""The version has one source, and every place that states it agrees."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import cosmos3_operator
from release import versions
from release.errors import ReleaseError
from release.versions import PLACES, SOURCE, Version
from support.repository import ROOT, tracked


def test_every_place_states_the_version_of_pyproject() -> None:
    assert versions.disagreements(ROOT) == []
    assert str(versions.source(ROOT)) == cosmos3_operator.__version__


def test_no_page_shows_another_version_of_the_image() -> None:
    """PLACES has every page that names our image with a version."""
    forgotten = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix == ".md" and "REGISTRY/cosmos3-operator:0" in path.read_text("utf-8")
    ]
    assert set(forgotten) <= PLACES.keys()


def test_a_place_that_disagrees_is_named_with_its_line(copy: Path) -> None:
    chart = copy / "charts" / "cosmos3-operator" / "Chart.yaml"
    text = chart.read_text("utf-8")
    line = text[: text.index("appVersion")].count("\n") + 1
    chart.write_text(text.replace(f"appVersion: {versions.source(copy)}", "appVersion: 9.9.9"))
    assert versions.disagreements(copy) == [
        f"charts/cosmos3-operator/Chart.yaml:{line} states 9.9.9, and {SOURCE} "
        f"{versions.source(copy)}: write the same"
    ]


def test_a_place_that_states_nothing_any_more_is_an_error(copy: Path) -> None:
    (copy / "images" / "operator" / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(ReleaseError, match="images/operator/Dockerfile states no version"):
        versions.disagreements(copy)


def test_a_version_is_written_into_every_place_and_nowhere_else(copy: Path) -> None:
    before = {file: (copy / file).read_text("utf-8") for file in PLACES}
    old = str(versions.source(copy))
    assert versions.write(copy, Version.of("7.8.9")) == list(PLACES)
    assert versions.disagreements(copy) == []
    assert {statement.version for statement in versions.statements(copy)} == {"7.8.9"}
    for file, text in before.items():
        assert (copy / file).read_text("utf-8").replace("7.8.9", old) == text
    chart = yaml.safe_load((copy / "charts/cosmos3-operator/Chart.yaml").read_text("utf-8"))
    assert (chart["version"], chart["appVersion"]) == ("7.8.9", "7.8.9")


def test_versions_are_ordered_as_semver_orders_them() -> None:
    texts = ["0.1.0-alpha.2", "0.1.0-beta.1", "0.1.0-rc.2", "0.1.0-rc.10", "0.1.0", "0.1.2"]
    texts += ["0.1.10", "0.2.0-rc.1", "0.2.0", "1.0.0"]
    assert sorted(set(texts), key=Version.of) == texts
    assert [str(Version.of(text)) for text in texts] == texts


@pytest.mark.parametrize("text", ["v0.2.0", "0.2", "0.02.0", "0.2.0-rc1", "0.2.0+1", "latest", ""])
def test_what_is_no_version_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(ReleaseError, match=r"VERSION is '.*MAJOR\.MINOR\.PATCH without a v"):
        Version.of(text)
