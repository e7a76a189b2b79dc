"""Recognise which catalogued runtime an image reference holds.

In: an image reference as users write it, and a runtime. Out: whether they are the same. Mirrors put
a registry and folders before the repository, so only its last two components count.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cosmos3_operator.catalog.types import Runtime

_CUDA = re.compile(r"-cu(\d\d)\d")
# Builds of one version for another CUDA, system or architecture behave alike.
_VARIANT = re.compile(r"(-(cu\d+|ubuntu\d+|x86_64|aarch64|amd64|arm64))+")


class Reference(NamedTuple):
    """An image reference in parts; tag and digest are "" if absent."""

    repository: str
    tag: str
    digest: str


def split(image: str) -> Reference:
    """Split `[registry[:port]/]repository[:tag][@digest]`."""
    name, _, digest = image.partition("@")
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return Reference(f"{folder}{slash}{last}", tag, digest)


def pullable(image: str) -> str:
    """Return a reference in the one form that every client takes: with a host, and not with both.

    What has a digest is named by it alone: skopeo refuses a tag beside it.
    """
    repository, tag, digest = split(image)
    host, slash, _ = repository.partition("/")
    if not slash or not (set(".:") & set(host) or host == "localhost"):
        folder = "" if slash else "library/"
        repository = f"docker.io/{folder}{repository}"
    return f"{repository}@{digest}" if digest else f"{repository}:{tag or 'latest'}"


def images_of(runtime: Runtime) -> tuple[str, ...]:
    """Return what the operator pulls for a runtime, the image of its own CUDA line first."""
    digest = f"@{runtime.digest}" if runtime.digest else ""
    own = f"{runtime.repository}:{runtime.tag}{digest}"
    others = (f"{runtime.repository}:{tag}" for tag in runtime.cuda_tags.values())
    return () if runtime.needs_own_image else (own, *others)


def identifies(image: str, runtime: Runtime) -> bool:
    """Whether an image reference means a runtime's image."""
    reference = split(image)
    if f"/{reference.repository}".endswith(f"/{runtime.repository}"):
        # Only tags that move have a digest here, and another digest there is another build.
        if reference.digest and runtime.digest:
            return reference.digest == runtime.digest
        return _same_tag(reference.tag, runtime)
    return False


def cuda_line(image: str, runtime: Runtime) -> str:
    """Return the CUDA major of an image that holds a catalogued runtime, by its tag."""
    tag = split(image).tag
    if found := _CUDA.search(tag):
        return found.group(1)
    return next((line for line, own in runtime.cuda_tags.items() if own == tag), runtime.cuda)


def _same_tag(tag: str, runtime: Runtime) -> bool:
    if tag == runtime.tag or tag in runtime.cuda_tags.values():
        return True
    rest = tag.removeprefix(runtime.tag)
    return rest != tag and _VARIANT.fullmatch(rest) is not None
