"""The changelog has its form, and a release takes the right part of it."""

from __future__ import annotations

import re
from datetime import date

import pytest

from release import changelog
from release.errors import ReleaseError
from release.versions import Version
from support.repository import ROOT

TEXT = """\
# Changelog

## Unreleased

### Added

- A thing, see [its page](docs/thing.md)
  and [the web](https://example.com).

### Restarts

- Generators with guardrails.

## 0.2.0 - 2026-02-01

### Fixed

- A fault.

## 0.1.0 - 2026-01-01

The first.

### Added

#### Part

- All.
"""
DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def own() -> str:
    return (ROOT / changelog.FILE).read_text("utf-8")


def test_our_changelog_has_the_form(own: str) -> None:
    assert changelog.problems(own) == []


def test_its_links_lead_somewhere(own: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)", own)
    assert links
    for target, anchor in links:
        assert (ROOT / target).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", (ROOT / target).read_text("utf-8"), re.MULTILINE)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings]


def test_every_line_of_a_change_belongs_to_an_item(own: str) -> None:
    """What stands between heading and item would be lost in notes and annotations."""
    for section in changelog.sections(own):
        _, *bodies = re.split(r"^###+ .+$", section.body, flags=re.MULTILINE)
        for body in bodies:
            assert re.fullmatch(r"\s*(- .+(\n  .+)*\s*)*", body), body


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("## Unreleased", "## Next", "the first section is 'Next'"),
        ("2026-02-01", "2026-02-30", "'## 0.2.0 - 2026-02-30'"),
        ("0.2.0 - ", "0.2.0 ", "expected 'VERSION - YYYY-MM-DD'"),
        ("## 0.2.0", "## v0.2.0", "VERSION is 'v0.2.0'"),
        ("## 0.2.0", "## 0.0.9", "0.1.0 stands below 0.0.9"),
        ("## 0.2.0", "## 0.1.0", "0.1.0 stands below 0.1.0"),
        ("### Fixed", "### Mended", "'### Mended' is none of Added"),
        ("- A fault.", "A fault.", "0.2.0: '### Fixed' has no item"),
        ("### Restarts", "### Added", "a heading appears twice"),
    ],
)
def test_a_wrong_form_is_named(before: str, after: str, words: str) -> None:
    assert changelog.problems(TEXT) == []
    assert before in TEXT
    assert any(words in found for found in changelog.problems(TEXT.replace(before, after, 1)))


def test_a_release_moves_what_is_not_released_yet() -> None:
    after = changelog.released(TEXT, Version.of("0.3.0"), DAY)
    names = [section.title for section in changelog.sections(after)]
    assert names == ["Unreleased", "0.3.0 - 2026-03-01", "0.2.0 - 2026-02-01", "0.1.0 - 2026-01-01"]
    assert changelog.section(after, "Unreleased").body == ""
    assert changelog.section(after, "0.3.0").body == changelog.section(TEXT, "Unreleased").body
    assert changelog.problems(after) == []


def test_nothing_is_not_released() -> None:
    after = changelog.released(TEXT, Version.of("0.3.0"), DAY)
    with pytest.raises(ReleaseError, match="lists no change"):
        changelog.released(after, Version.of("0.4.0"), DAY)


@pytest.mark.parametrize("version", ["0.2.0", "0.1.9", "0.2.0-rc.1"])
def test_a_version_must_be_greater_than_the_last(version: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape("0.2.0 is released: it must be greater")):
        changelog.released(TEXT, Version.of(version), DAY)


def test_changes_are_lines_without_links_into_the_repository() -> None:
    listed = list(changelog.changes(changelog.section(TEXT, "Unreleased")))
    assert listed == [
        ("Added", "A thing, see its page and [the web](https://example.com)."),
        ("Restarts", "Generators with guardrails."),
    ]
    assert list(changelog.changes(changelog.section(TEXT, "0.1.0"))) == [("Added", "All.")]
