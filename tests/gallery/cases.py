"""A case of the gallery, as its file describes it; README.md explains the fields.

In: cases/*.yaml. Out: frozen cases, and complaints about a file that says something unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import yaml

FOLDER = Path(__file__).resolve().parent
PREFIX = "bed.cosmos3.io/"

Json = dict[str, Any]


class _Part:
    """Something that is read from a mapping of exactly its own fields."""

    @classmethod
    def read(cls, raw: Mapping[str, Any], where: str) -> Self:
        """Read it, and complain about what is unknown or missing."""
        known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
        unknown = set(raw) - known
        if unknown:
            raise ValueError(f"{where}: unknown {sorted(unknown)}; known are {sorted(known)}")
        try:
            return cls(**raw)
        except TypeError as error:
            raise ValueError(f"{where}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Then(_Part):
    """What befalls a resource that serves, so that it fails."""

    pods: Json = field(default_factory=dict)
    """Words of the bed, given to its pods."""
    silence: str = ""
    """A node that falls silent."""
    spec: Json = field(default_factory=dict)
    """A merge patch."""


@dataclass(frozen=True, kw_only=True)
class Expect(_Part):
    """What the status must say."""

    reason: str
    """Of Ready, and of the first finding."""
    says: list[str]
    """Parts of Ready's message: what, evidence and remedy."""
    ready: str = "False"
    stalled: bool = False
    conditions: dict[str, str] = field(default_factory=dict)
    """Other conditions, by type: their status."""
    absent: list[str] = field(default_factory=list)
    """What must not be in the message."""
    events: list[str] = field(default_factory=list)
    """Reasons of further Warnings; the reason of Ready is always expected."""


@dataclass(frozen=True, kw_only=True)
class Mend(_Part):
    """How it is mended; everything that is named happens, in this order."""

    text: str
    """What a person does."""
    objects: list[Json] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    """As kubectl takes them: kind/name."""
    revive: str = ""
    pods: Json = field(default_factory=dict)
    """Words of the bed for the pods that are there; null takes one away."""
    spec: Json = field(default_factory=dict)
    """A merge patch; what the bed was told about pods is forgotten with it."""
    reason: str = "Serving"
    """Of Ready, afterwards."""


@dataclass(frozen=True, kw_only=True)
class Case(_Part):
    """One way to fail."""

    name: str
    title: str
    story: str
    kind: str
    spec: Json
    """As a user writes it; shown in the docs."""
    expect: Expect
    about: str = ""
    """The heading that it stands under."""
    setting: Json = field(default_factory=dict)
    """Merged into the spec and not shown: what the test needs and the story does not."""
    bed: Json = field(default_factory=dict)
    """Words for the simulated node; tests/bed/README.md has them."""
    labels: dict[str, str] = field(default_factory=dict)
    """Of the namespace."""
    objects: list[Json] = field(default_factory=list)
    """What is there before."""
    then: Then | None = None
    mend: Mend | None = None

    @property
    def resource(self) -> str:
        """The name of its resource."""
        return "vision" if self.kind == "CosmosReasoner" else "video"


def load(folder: str = "cases") -> Iterator[Case]:
    """Read the cases of a folder in the order of their headings."""
    found = [_case(path) for path in sorted((FOLDER / folder).glob("*.yaml"))]
    yield from sorted(found, key=lambda case: (HEADINGS.index(case.about), case.name))


def _case(path: Path) -> Case:
    raw = yaml.safe_load(path.read_text("utf-8"))
    parts: Mapping[str, type[_Part]] = {"expect": Expect, "mend": Mend, "then": Then}
    read = {
        name: part.read(raw[name], f"{path.name}, {name}")
        for name, part in parts.items()
        if name in raw
    }
    case = Case.read({"name": path.stem} | raw | read, path.name)
    if case.about not in HEADINGS:
        raise ValueError(f"{path.name}: about must be one of {HEADINGS}")
    return case


HEADINGS = (
    "Finding a place",
    "Images, secrets and volumes",
    "Access to the hub",
    "GPUs and drivers",
    "Starting the server",
    "While it serves",
)
