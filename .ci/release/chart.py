"""The chart as it is released: with its image's address, what chart hubs show, and reproducible.

In: the chart of the checkout, the registry and the digest of the image. Out: an archive that is the
same, byte for byte, whenever it is made from the same commit. The chart of the checkout names no
registry, since only a release knows where its image lies.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chart_values.__main__ import files as described
from release import hub, versions
from release.errors import ReleaseError
from release.programs import output

FOLDER = Path("charts") / "cosmos3-operator"
_REGISTRY = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Image:
    """Where the operator's image of this release lies."""

    registry: str
    digest: str = ""
    """Of the index of both architectures; "" to go by the version's tag."""

    def __post_init__(self) -> None:
        """Refuse what no client could pull from."""
        if not _REGISTRY.fullmatch(self.registry):
            raise ReleaseError(
                f"REGISTRY is '{self.registry}': write host and folder in lower case, without a "
                "scheme and without a slash at the end, for example registry.example.com/team"
            )
        if self.digest and not _DIGEST.fullmatch(self.digest):
            raise ReleaseError(
                f"DIGEST is '{self.digest}': write sha256: and 64 hexadecimal digits, as the push "
                "of the image printed them, or leave it out"
            )

    def reference(self, version: versions.Version) -> str:
        """Return what is pulled."""
        return f"{self.registry}/cosmos3-operator" + (
            f"@{self.digest}" if self.digest else f":{version}"
        )


def package(root: Path, folder: Path, *, image: Image, helm: Path, time: int) -> Path:
    """Write the chart's archive into a folder."""
    with tempfile.TemporaryDirectory(prefix="chart-") as scratch:
        copy = Path(scratch) / FOLDER.name
        shutil.copytree(root / FOLDER, copy)
        stamp(root, copy, image)
        _set_times(copy, time)
        # Helm is given a home, so that nothing of the machine's own is read.
        words = ("package", str(copy), "--destination", str(folder.absolute()))
        output(str(helm), *words, cwd=root, env={"HOME": scratch, "PATH": ""})
    return folder / f"{FOLDER.name}-{versions.source(root)}.tgz"


def stamp(root: Path, copy: Path, image: Image) -> None:
    """Write into a copy of the chart what only a release knows, and its README anew."""
    values = copy / "values.yaml"
    named = {"registry": image.registry, "digest": image.digest}
    values.write_text(with_image(values.read_text("utf-8"), named), "utf-8")
    for path, text in described(copy).items():
        path.write_text(text, "utf-8")
    about = copy / "Chart.yaml"
    chart = yaml.safe_load(about.read_text("utf-8"))
    reference = image.reference(versions.source(root))
    chart["annotations"] = {**chart.get("annotations", {}), **hub.facts(root, reference)}
    about.write_text(
        yaml.safe_dump(chart, sort_keys=False, allow_unicode=True, width=4096), "utf-8"
    )


def with_image(values: str, named: Mapping[str, str]) -> str:
    """Set fields of `image` in the text of values.yaml, whose comments and order stay."""
    before, heading, rest = _split(values)
    block, after = _block(rest)
    for name, value in named.items():
        block = re.sub(rf'^  {name}: ".*"$', f'  {name}: "{value}"', block, flags=re.MULTILINE)
    text = before + heading + block + after
    _insist(yaml.safe_load(values), yaml.safe_load(text), named)
    return text


def _split(values: str) -> tuple[str, str, str]:
    found = re.search(r"^image:\n", values, re.MULTILINE)
    if found is None:
        raise ReleaseError("values.yaml has no 'image:' of its own any more: correct chart.py")
    return values[: found.start()], found[0], values[found.end() :]


def _block(text: str) -> tuple[str, str]:
    end = re.search(r"^\S", text, re.MULTILINE)
    return (text, "") if end is None else (text[: end.start()], text[end.start() :])


def _insist(before: dict[str, Any], after: dict[str, Any], named: Mapping[str, str]) -> None:
    if after != {**before, "image": {**before["image"], **named}}:
        raise ReleaseError(
            f"values.yaml: {', '.join(named)} of 'image' could not be set and nothing else; "
            'they must be written as   name: ""'
        )


def _set_times(folder: Path, time: int) -> None:
    """Give every file one time: Helm writes it into the archive."""
    for path in folder.rglob("*"):
        os.utime(path, (time, time))
