"""`make release`: one command writes the release, refuses what is none, and can be undone."""

from __future__ import annotations

import re
from datetime import date

import pytest

from release import changelog, versions
from release.errors import ReleaseError
from release.prepare import check, prepare
from release.versions import Version

from .conftest import Clone

DAY = date(2026, 12, 1)


def test_a_release_is_written_and_undone(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD^{tree}")
    next_version = "91.0.0"
    said = clone.make("release", f"VERSION={next_version}").stdout
    assert f"git tag --sign v{next_version}" in said
    changed = clone.git("diff", "--name-only").splitlines()
    assert sorted(changed) == sorted([changelog.FILE, *versions.PLACES])
    assert versions.source(clone.root) == Version.of(next_version)
    text = (clone.root / changelog.FILE).read_text("utf-8")
    assert re.search(rf"^## {next_version} - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)
    assert clone.make("release-check", f"TAG=v{next_version}").stdout == f"{next_version}\n"
    clone.git("restore", ".")
    clone.git("add", "--all")
    assert clone.git("write-tree") == before


def test_the_same_version_is_not_released_twice(clone: Clone) -> None:
    prepare(clone.root, "91.0.0", DAY)
    clone.commit("Release 91.0.0")
    with pytest.raises(ReleaseError, match="lists no change"):
        prepare(clone.root, "91.0.0", DAY)
    assert clone.git("status", "--porcelain") == ""


@pytest.mark.parametrize("file", ["README.md", "new-file"])
def test_a_checkout_with_changes_is_refused(clone: Clone, file: str) -> None:
    (clone.root / file).write_text("changed")
    with pytest.raises(ReleaseError, match=f"(?s)commit or stash.*{file}"):
        prepare(clone.root, "91.0.0", DAY)


@pytest.mark.parametrize("tag", ["v0.0.1", "91.0.0"])
def test_a_tag_of_another_version_is_refused(clone: Clone, tag: str) -> None:
    prepare(clone.root, "91.0.0", DAY)
    words = f"the tag is {tag}, and pyproject.toml states 91.0.0: tag v91.0.0"
    with pytest.raises(ReleaseError, match=words):
        check(clone.root, tag)


def test_a_tag_without_its_section_in_the_changelog_is_refused(clone: Clone) -> None:
    versions.write(clone.root, Version.of("91.0.0"))
    with pytest.raises(ReleaseError, match=r"has no section '## 91\.0\.0'"):
        check(clone.root, "v91.0.0")


def test_all_that_disagrees_is_said_at_once(clone: Clone) -> None:
    log, package = clone.root / changelog.FILE, "operator/src/cosmos3_operator/__init__.py"
    log.write_text(log.read_text("utf-8").replace("### Added", "### New"), "utf-8")
    (clone.root / package).write_text('__version__ = "9.9.9"\n')
    with pytest.raises(ReleaseError, match=f"(?s){package}:1 states 9.9.9.*'### New' is none"):
        check(clone.root)


def test_make_passes_words_on_and_says_what_is_wrong(clone: Clone) -> None:
    for words, said in (
        (["release"], "say which version: make release VERSION=0.2.0"),
        (["release", "VERSION=v1"], "VERSION is 'v1', which is no version"),
        (["package"], "REGISTRY is ''"),
    ):
        refused = clone.make(*words, check=False)
        assert refused.returncode != 0
        assert said in refused.stderr
    assert clone.git("status", "--porcelain") == ""


def test_a_tag_cannot_make_make_run_something(clone: Clone) -> None:
    """The workflow hands it over by the environment, which recipes must not expand."""
    tag = "v$(shell touch made)"
    refused = clone.make("release-check", check=False, TAG=tag)
    assert f"the tag is {tag}, and" in refused.stderr
    assert clone.git("status", "--porcelain") == ""
