"""`make dist`: everything that a release hands out, made from one commit into one folder.

In: the checkout, where its image lies, Helm. Out: wheel, source archive, chart, CRDs, list of
images, SBOM and their checksums, each the same whenever it is made from the same commit; and the
release's notes, which are text for people.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from cosmos3_operator.api.crds import crd_files
from release import changelog, chart, sbom, versions
from release.errors import ReleaseError
from release.programs import commit_time, output

SUMS = "SHA256SUMS"
NOTES = "NOTES.md"


def build(root: Path, folder: Path, *, image: chart.Image, helm: Path) -> list[Path]:
    """Make all of it into a new folder; return what is handed out, the checksums last."""
    time, version = commit_time(root), versions.source(root)
    reference = image.reference(version)
    name = f"cosmos3-operator-{version}"
    _make_empty(folder)
    made = [
        *packages(root, folder, time),
        chart.package(root, folder, image=image, helm=helm, time=time),
        _write(folder / f"{name}-crds.yaml", "---\n".join(crd_files().values())),
        _write(folder / f"{name}-images.txt", images(root, reference)),
        _write(folder / f"{name}.cdx.json", sbom.document(root, time)),
    ]
    _write(folder / NOTES, notes(root, reference))
    return [*made, _write(folder / SUMS, checksums(made))]


def _make_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ReleaseError(f"{folder} is not empty: delete it first, as 'make dist' does")


def packages(root: Path, folder: Path, time: int) -> list[Path]:
    """Build the wheel and the source archive, with the tools of the lock and no index."""
    before = set(folder.iterdir())
    output(
        *(sys.executable, "-m", "hatchling", "build", "--directory", str(folder.absolute())),
        cwd=root,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(time)},
    )
    return sorted(set(folder.iterdir()) - before)


def images(root: Path, reference: str) -> str:
    """Return what a mirror must hold, one image a line."""
    words = ("-m", "cosmos3_operator", "images", f"--operator-image={reference}")
    return output(sys.executable, *words, cwd=root) + "\n"


def notes(root: Path, reference: str) -> str:
    """Return what the changelog says of this version, and which image it is."""
    text = (root / changelog.FILE).read_text("utf-8")
    found = changelog.section_of(text, versions.source(root))
    return f"Image: `{reference}`\n\n{changelog.without_links(found.body)}\n"


def checksums(files: Iterable[Path]) -> str:
    """Return lines for `sha256sum --check`."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files
    )


def _write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path
