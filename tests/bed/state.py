"""What a bed's folder remembers: which options it was started with and which processes run.

One small JSON file, rewritten atomically after every process that was started, so that whatever
interrupts ``up``, ``down`` still knows what to end.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bed.processes import Process

_FILE = "state.json"


@dataclass
class Component:
    """One running part of the control plane."""

    process: Process
    version: str
    port: int
    health: str
    ready_after_s: float | None = None


@dataclass
class State:
    """Everything that is known about one bed."""

    options: dict[str, str]
    server: str = ""
    components: list[Component] = field(default_factory=list)
    complete: bool = False

    def save(self, folder: Path) -> None:
        """Write the state so that a reader sees the old file or the new one, never half."""
        temporary = folder / f"{_FILE}.new"
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        os.replace(temporary, folder / _FILE)


def exists(folder: Path) -> bool:
    """Whether a folder is a bed's, even one whose state cannot be read (any more)."""
    return (folder / _FILE).exists()


def load(folder: Path) -> State | None:
    """Read the state of a folder; None where there is none or it is unreadable."""
    try:
        raw = json.loads((folder / _FILE).read_text())
        components = [
            Component(**{**item, "process": Process(**item["process"])})
            for item in raw.pop("components")
        ]
        return State(**raw, components=components)
    except (OSError, ValueError, TypeError, KeyError):
        return None
