"""The pages of the reasons: what each means, where it is read from, and what to do.

In: `reason_pages/<Reason>.yaml`, one file for each reason of a condition. Out: `ReasonPage`.
The docs, `cosmos3-operator explain` and the events read the same words. Most passes need no page
and few need more than one, so a file is read when its reason is asked for, and then kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from cosmos3_operator.catalog.load import CatalogError, read_entry


class Group(StrEnum):
    """What the reasons of a chapter have in common, in the order in which a start meets them."""

    WELL = "Nothing is wrong"
    ON_ITS_WAY = "On its way"
    SPEC = "The spec and its children"
    HUB = "Access to the hub"
    NODES = "Nodes and GPUs"
    SERVER = "The server"
    OPERATOR = "The operator"


class EventType(StrEnum):
    """The two types that Kubernetes knows."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, kw_only=True)
class ReasonPage:
    """One reason, explained."""

    group: Group
    event: EventType
    """Type of the event that tells of it."""
    seen_in: tuple[str, ...]
    """Conditions that can carry it. Reconciling and Stalled have that of Ready and are left out."""
    example: str
    """A case in tests/golden_status that shows it; the docs quote its status."""
    meaning: str
    evidence: str
    """Where the operator reads it: which field, which event, which line of which log."""
    remedy: str


def reasons() -> tuple[str, ...]:
    """Return the reasons that have a page, in alphabetical order."""
    found = (file.name.removesuffix(".yaml") for file in _folder().iterdir() if _is_page(file))
    return tuple(sorted(found))


@cache
def page(reason: str) -> ReasonPage:
    """Return the page of a reason."""
    file = _folder() / f"{reason}.yaml"
    where = f"reason_pages/{reason}.yaml"
    if not file.is_file():
        raise CatalogError(f"{where}: there is no such file")
    return parse(file.read_text("utf-8"), where=where)


def parse(text: str, *, where: str) -> ReasonPage:
    """Build a page from the text of its file."""
    return read_entry(text, ReasonPage, where)


def _folder() -> Traversable:
    return files("cosmos3_operator.catalog") / "reason_pages"


def _is_page(file: Traversable) -> bool:
    return file.name.endswith(".yaml")
