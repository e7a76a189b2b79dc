"""CHANGELOG.md: its form, and what a release takes from it.

In: the text. Out: its sections, what is wrong with its form, the text with "Unreleased" turned into
a version, and one version's notes. Nothing here reads a file or a clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from release.errors import ReleaseError
from release.versions import Version

FILE = "CHANGELOG.md"
UNRELEASED = "Unreleased"
GROUPS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Restarts")
"""Those of Keep a Changelog, and ours: what an upgrade of the operator restarts."""

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_GROUP = re.compile(r"^### (.+)$", re.MULTILINE)
_ITEM = re.compile(r"^- (.+(?:\n  .+)*)", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]+\)")
_DATED = re.compile(r"(\S+) - (\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, kw_only=True)
class Section:
    """One version, or what is not released yet."""

    title: str
    body: str

    @property
    def name(self) -> str:
        """The version as text, or Unreleased."""
        return self.title.partition(" ")[0]

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Kind of change → its items, each on one line."""
        _, *parts = _GROUP.split(self.body)
        return {
            heading: tuple(" ".join(item.split()) for item in _ITEM.findall(text))
            for heading, text in zip(parts[::2], parts[1::2], strict=True)
        }


def sections(text: str) -> list[Section]:
    """Return the sections, the newest first."""
    _, *parts = _SECTION.split(text)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [Section(title=title, body=body.strip("\n")) for title, body in pairs]


def section(text: str, name: str) -> Section:
    """Return one section."""
    found = next((s for s in sections(text) if s.name == name), None)
    if found is None:
        raise ReleaseError(f"{FILE} has no section '## {name}': 'make release' makes it")
    return found


def section_of(text: str, version: Version) -> Section:
    """Return a version's section or, before its release, what will become it."""
    known = {found.name for found in sections(text)}
    return section(text, str(version) if str(version) in known else UNRELEASED)


def newest(text: str) -> Version | None:
    """Return the version that was released last, None before the first."""
    return next((Version.of(s.name) for s in sections(text) if s.name != UNRELEASED), None)


def released(text: str, version: Version, day: date) -> str:
    """Turn what is not released yet into a version."""
    if not any(section(text, UNRELEASED).groups.values()):
        raise ReleaseError(
            f"{FILE}: '## {UNRELEASED}' lists no change, so there is nothing to release"
        )
    last = newest(text)
    if last is not None and version <= last:
        raise ReleaseError(f"VERSION is '{version}', and {last} is released: it must be greater")
    heading = f"## {UNRELEASED}\n"
    return text.replace(heading, f"{heading}\n## {version} - {day.isoformat()}\n", 1)


def changes(found: Section) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each change."""
    for heading, items in found.groups.items():
        for item in items:
            yield heading, without_links(item)


def without_links(text: str) -> str:
    """Return Markdown for places where the files that links name are not."""
    return _LINK.sub(r"\1", text)


def problems(text: str) -> list[str]:
    """Return what is wrong with the form."""
    first, *others = sections(text)
    wrong = [] if first.title == UNRELEASED else [f"the first section is '{first.title}'"]
    versions = [version for s in others if (version := _dated(s.title, wrong)) is not None]
    wrong += [
        f"{older} stands below {newer}, and is not older"
        for newer, older in pairwise(versions)
        if older >= newer
    ]
    return wrong + [problem for s in sections(text) for problem in _problems_in(s)]


def _dated(title: str, wrong: list[str]) -> Version | None:
    try:
        if (found := _DATED.fullmatch(title)) is None:
            raise ReleaseError("expected 'VERSION - YYYY-MM-DD'")
        date.fromisoformat(found[2])
        return Version.of(found[1])
    except (ReleaseError, ValueError) as error:
        wrong.append(f"'## {title}': {error}")
        return None


def _problems_in(found: Section) -> Iterator[str]:
    headings = _GROUP.findall(found.body)
    for heading in headings:
        if heading not in GROUPS:
            yield f"{found.name}: '### {heading}' is none of {', '.join(GROUPS)}"
        elif not found.groups[heading]:
            yield f"{found.name}: '### {heading}' has no item"
    if headings != sorted(set(headings), key=headings.index):
        yield f"{found.name}: a heading appears twice"
