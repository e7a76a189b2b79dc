"""The version: one source, pyproject.toml, and every other place that states it.

In: the files of a checkout, a version as text. Out: what each place states, what disagrees, and the
same files with another version. Chart, app, CRDs and image have one version: they are tested
together and released together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import total_ordering
from pathlib import Path

from release.errors import ReleaseError

SOURCE = "pyproject.toml"

PLACES = {
    SOURCE: r'^version = "(.+)"$',
    "operator/src/cosmos3_operator/__init__.py": r'^__version__ = "(.+)"$',
    "charts/cosmos3-operator/Chart.yaml": r"^(?:version|appVersion): (.+)$",
    "images/operator/Dockerfile": r"^ARG VERSION=(.+)$",
    "images/README.md": r"REGISTRY/cosmos3-operator:(\S+)",
}
"""File → pattern; every match states the version."""

_NUMBER = r"(0|[1-9]\d*)"
_FORM = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-(alpha|beta|rc)\.{_NUMBER})?")


@total_ordering
@dataclass(frozen=True)
class Version:
    """A version that SemVer, Python packages and image tags all can state."""

    numbers: tuple[int, int, int]
    stage: str = ""
    """alpha, beta or rc; "" for a release."""
    count: int = 0

    @classmethod
    def of(cls, text: str) -> Version:
        """Read a version, or say what one looks like."""
        if (found := _FORM.fullmatch(text)) is None:
            raise ReleaseError(
                f"VERSION is '{text}', which is no version: write MAJOR.MINOR.PATCH without a v, "
                "for example 0.2.0, or 0.2.0-rc.1 (alpha, beta or rc) for a pre-release"
            )
        major, minor, patch, stage, count = found.groups()
        return cls((int(major), int(minor), int(patch)), stage or "", int(count or 0))

    def __str__(self) -> str:
        """Return it as it is written everywhere."""
        text = ".".join(map(str, self.numbers))
        return f"{text}-{self.stage}.{self.count}" if self.stage else text

    def __lt__(self, other: Version) -> bool:
        """Order as SemVer does: pre-releases come before their release."""
        return self._key() < other._key()

    def _key(self) -> tuple[tuple[int, int, int], bool, str, int]:
        # The stages are in alphabetical order, as it happens.
        return (self.numbers, not self.stage, self.stage, self.count)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One place and the version that it states."""

    file: str
    line: int
    version: str


def source(root: Path) -> Version:
    """Return the version of the checkout."""
    found = re.findall(PLACES[SOURCE], (root / SOURCE).read_text("utf-8"), re.MULTILINE)
    return Version.of(str(found[0]))


def statements(root: Path) -> Iterator[Statement]:
    """Yield what every place states."""
    for file, pattern in PLACES.items():
        text = (root / file).read_text("utf-8")
        found = list(re.finditer(pattern, text, re.MULTILINE))
        if not found:
            raise ReleaseError(f"{file} states no version any more: correct PLACES in versions.py")
        for match in found:
            yield Statement(
                file=file, line=text.count("\n", 0, match.start()) + 1, version=match[1]
            )


def disagreements(root: Path) -> list[str]:
    """Return what states another version than the source."""
    wanted = str(source(root))
    return [
        f"{at.file}:{at.line} states {at.version}, and {SOURCE} {wanted}: write the same"
        for at in statements(root)
        if at.version != wanted
    ]


def write(root: Path, version: Version) -> list[str]:
    """Make every place state a version; return the files that changed."""
    changed = []
    for file, pattern in PLACES.items():
        path = root / file
        before = path.read_text("utf-8")
        after = re.sub(
            pattern, lambda m: m[0].replace(m[1], str(version)), before, flags=re.MULTILINE
        )
        if after != before:
            path.write_text(after, "utf-8")
            changed.append(file)
    return changed
