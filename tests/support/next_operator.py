"""The operator of a version to come, made from the real one: another pod template.

Its drain program, which only Generators run, is another text: their pods must be replaced. Its
Deployments keep one revision more, which restarts nobody.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from support.repository import ROOT

SOURCE = ROOT / "operator" / "src" / "cosmos3_operator"
_EDITS = {
    "manifests/templates/drain.py.txt": ("import", "# Of the next version.\nimport"),
    "manifests/deployment.py": ('"revisionHistoryLimit": 3', '"revisionHistoryLimit": 4'),
}


def next_operator(folder: Path) -> dict[str, str]:
    """Write its code into a folder; return the environment that runs it."""
    package = folder / SOURCE.name
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (old, new) in _EDITS.items():
        text = (package / name).read_text("utf-8")
        assert old in text
        (package / name).write_text(text.replace(old, new, 1), "utf-8")
    return {"PYTHONPATH": str(folder)}
