"""The committed snapshots of flags: one file for each engine and version, one line for each flag.

In: what a server's parser says. Out: files in `catalog/flags/`, or how they differ from it. They
let every other test and the operator itself know a runtime's flags without an environment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from compat.recipes import Engine

FOLDER = Path(__file__).parents[2] / "operator" / "src" / "cosmos3_operator" / "catalog" / "flags"

Snapshot = Mapping[str, Any]


def make(
    engine: Engine,
    version: str,
    flags: Mapping[str, Any],
    refused_at_start: Mapping[str, str] | None,
) -> Snapshot:
    """Return a snapshot; `refused_at_start` only where it was tried."""
    made: dict[str, Any] = {"engine": engine, "version": version, "flags": dict(flags)}
    return made if refused_at_start is None else made | {"refused_at_start": refused_at_start}


def path_of(engine: str, version: str) -> Path:
    """Return where a snapshot is kept."""
    return FOLDER / f"{engine}-{version}.json"


def read(engine: str, version: str) -> Snapshot | None:
    """Return a committed snapshot, None if there is none."""
    path = path_of(engine, version)
    if not path.is_file():
        return None
    loaded: Snapshot = json.loads(path.read_text("utf-8"))
    return loaded


def write(snapshot: Snapshot) -> None:
    """Commit a snapshot to its file."""
    path = path_of(snapshot["engine"], snapshot["version"])
    path.parent.mkdir(exist_ok=True)
    path.write_text(to_text(snapshot), "utf-8")


def to_text(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON whose diffs can be read."""
    parts = ",\n".join(f"  {json.dumps(key)}: {_part(value)}" for key, value in snapshot.items())
    return f"{{\n{parts}\n}}\n"


def differences(old: Snapshot | None, new: Snapshot) -> list[str]:
    """Name every flag by which a committed snapshot is stale."""
    if old is None:
        return ["there is no snapshot"]
    found = [f"{key} is {old.get(key)!r}" for key in ("engine", "version") if old[key] != new[key]]
    for part in ("flags", "refused_at_start"):
        found += _changes(part, old.get(part, {}), new.get(part, {}))
    return found


def _part(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return json.dumps(value)
    lines = (f"    {json.dumps(k)}: {json.dumps(value[k], sort_keys=True)}" for k in sorted(value))
    return "{\n" + ",\n".join(lines) + "\n  }"


def _changes(part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for flag in sorted(old.keys() | new.keys()):
        if old.get(flag) != new.get(flag):
            how = "new" if flag not in old else "gone" if flag not in new else "changed"
            yield f"{part}: {flag} is {how}"
