"""What the operator is made of, as a CycloneDX document.

In: requirements/runtime.txt, which the image is installed from, and the metadata of the same
packages here. Out: JSON with every package, its licence, the hashes of its files and what it needs,
checked against the schema. It is the same whenever it is made from the same commit.
"""

from __future__ import annotations

import re
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import Distribution, distribution
from pathlib import Path

from cyclonedx import spdx
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release import versions
from release.errors import ReleaseError

LOCK = Path("requirements") / "runtime.txt"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "serving.cosmos3.io")

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_CLASSIFIED = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}
_READ = {"jinja2": "BSD-3-Clause"}
"""Read in LICENSE.txt of packages whose metadata names a family of licences only."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One package of the lock."""

    name: str
    version: str
    hashes: tuple[str, ...]


def document(root: Path, time: int) -> str:
    """Return the document of a checkout, dated with the time of its commit."""
    lock = (root / LOCK).read_text("utf-8")
    version = str(versions.source(root))
    bom = Bom(serial_number=uuid.uuid5(NAMESPACE, f"{version}\n{lock}"))
    bom.metadata.timestamp = datetime.fromtimestamp(time, UTC)
    bom.metadata.component = _operator(version)
    components = {pin.name: _component(pin) for pin in pins(lock)}
    bom.components.update(components.values())
    asked = {name: distribution(name).requires or () for name in components}
    for component, needed in (
        (bom.metadata.component, _direct(root)),
        *((components[name], texts) for name, texts in asked.items()),
    ):
        names = sorted({*_needs(needed)} & components.keys())
        bom.register_dependency(component, [components[name] for name in names])
    return checked(JsonV1Dot6(bom).output_as_string(indent=2))


def pins(lock: str) -> Iterator[Pin]:
    """Yield the packages of a lock."""
    for entry in lock.replace("\\\n", " ").splitlines():
        if found := _PIN.match(entry):
            hashes = tuple(_HASH.findall(entry))
            yield Pin(name=canonicalize_name(found[1]), version=found[2], hashes=hashes)


def licence(found: Distribution) -> str:
    """Return the SPDX expression of a package's licence."""
    names = [*_stated(found, "License-Expression"), *_stated(found, "License")]
    names += [_CLASSIFIED.get(name, "") for name in _stated(found, "Classifier")]
    names.append(_READ.get(canonicalize_name(found.name), ""))
    expression = next(filter(_is_spdx, names), "")
    if not expression:
        raise ReleaseError(
            f"{found.name} {found.version} names no SPDX licence: read its licence file and add it "
            "to _READ in sbom.py"
        )
    return expression


def _stated(found: Distribution, field: str) -> list[str]:
    return found.metadata.get_all(field) or []


def _is_spdx(name: str) -> bool:
    return bool(name) and (spdx.fixup_id(name) is not None or spdx.is_expression(name))


def _operator(version: str) -> Component:
    return Component(
        name="cosmos3-operator",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"cosmos3-operator@{version}",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )


def _component(pin: Pin) -> Component:
    found = distribution(pin.name)
    if found.version != pin.version:
        raise ReleaseError(
            f"{pin.name} is {found.version} here and {pin.version} in {LOCK}: run 'make setup'"
        )
    purl = PackageURL("pypi", name=pin.name, version=pin.version)
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[LicenseFactory().make_from_string(licence(found))],
        external_references=[_files(pin, purl)],
    )


def _files(pin: Pin, purl: PackageURL) -> ExternalReference:
    """Return the files that the lock admits: a component's own hash would be that of one file.

    Wherever they are fetched from: the lock names no index.
    """
    return ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(purl.to_string()),
        comment=f"any of the files with these hashes, as {LOCK} admits",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=value) for value in pin.hashes],
    )


def _direct(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return list(project["dependencies"])


def _needs(requirements: Iterable[str]) -> Iterator[str]:
    """Yield the names of what is asked for on any platform, and not for an extra."""
    for asked in map(Requirement, requirements):
        if "extra" not in str(asked.marker or ""):
            yield canonicalize_name(asked.name)


def checked(text: str) -> str:
    """Return a document that follows the schema."""
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ReleaseError(f"the document does not follow CycloneDX 1.6: {wrong}")
    return text + "\n"
