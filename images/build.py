"""Builds the operator's image without engine, daemon or registry, and says how big it is.

In: the Dockerfile, the locks, this checkout, and the machine's own pip and apt configuration. Out:
`localhost/cosmos3-operator:VERSION` in buildah's storage, which podman shares. Nothing of the
machine's configuration gets into a layer: wheels are fetched out here, and in there only what the
hashes of the locks admit is installed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "images" / "operator" / "Dockerfile"
NAME = "localhost/cosmos3-operator"
LOCKS = ("build", "runtime")

SUITE = "trixie"
"""The Debian release that the official base is made of as well."""
STAND_IN = f"localhost/python-of-debian:{SUITE}"
PYTHON = "3.13"
"""What both bases have, so that the same wheels fit."""

TRIMMED = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
)
"""What the official slim base leaves out, too."""

PACKAGES = {"buildah": "buildah", "debootstrap": "debootstrap", "runc": "runc"}
"""Program → Debian package that brings it."""


class BuildError(Exception):
    """Something that the user can put right; its text says how."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Bytes of an image's layers as they are pulled and as they lie on a node's disk."""

    compressed: int
    unpacked: int

    def __str__(self) -> str:
        """Return both in megabytes of 10^6 bytes, as registries count."""
        return f"{self.compressed / 1e6:.1f} MB to pull, {self.unpacked / 1e6:.1f} MB unpacked"


def main() -> int:
    """Build as the command line says."""
    options = _options()
    try:
        need(_programs(options), may_install=options.may_install)
        base = None if options.base == "official" else stand_in()
        image = f"{NAME}:{version()}"
        build(image, base=base)
        print(f"{image}, base {options.base}")
        layers = layers_of(image)
        print(f"  the image: {total(layers)}")
        print(f"  its own layer, on top of the base: {layers[-1]}")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build the operator's image with buildah.")
    parser.add_argument(
        "--base",
        choices=("official", "debian"),
        default="official",
        help="official: the Dockerfile's own, pulled; debian: a stand-in made of Debian packages",
    )
    parser.add_argument(
        "--to-run", action="store_true", help="also see to runc, with which the image is tested"
    )
    parser.add_argument(
        "--may-install", action="store_true", help="install missing Debian packages with apt-get"
    )
    return parser.parse_args()


def _programs(options: argparse.Namespace) -> list[str]:
    return [
        "buildah",
        *(["debootstrap"] if options.base == "debian" else []),
        *(["runc"] if options.to_run else []),
    ]


def need(programs: Sequence[str], *, may_install: bool) -> None:
    """See that the programs are there, and that we may use them."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise BuildError(
            "this needs Linux and root, since it unpacks a file system with its owners; elsewhere, "
            "images/README.md shows the same build with docker or podman"
        )
    missing = [PACKAGES[program] for program in programs if shutil.which(program) is None]
    if not missing:
        return
    if not may_install:
        raise BuildError(
            f"{', '.join(missing)} not found: run 'apt-get install {' '.join(missing)}', or allow "
            "that here with MAY_INSTALL=1 (--may-install)"
        )
    run("apt-get", "update", "--quiet")
    run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *missing)


def build(image: str, *, base: str | None) -> None:
    """Build the Dockerfile as it is, from the lock's wheels, without an index."""
    arguments = {"PIP_NO_INDEX": "1", "VERSION": version(), "REVISION": revision()}
    if base is not None:
        arguments["PYTHON_IMAGE"] = base
    with tempfile.TemporaryDirectory(prefix="wheels-") as wheels:
        fetch_wheels(Path(wheels))
        try:
            run(
                *("buildah", "build", "--isolation", "chroot", "--quiet"),
                *(f"--build-arg={name}={value}" for name, value in arguments.items()),
                f"--build-context=wheels={wheels}",
                *("--file", str(DOCKERFILE), "--tag", image, str(ROOT)),
            )
        except BuildError as error:
            hint = "" if base else "Where the base cannot be pulled: BASE=debian (--base debian)"
            raise BuildError(f"{error}\n{hint}".rstrip()) from error


def fetch_wheels(folder: Path) -> None:
    """Download what the lock names, for the image's Python, as the machine's pip is configured."""
    machine = platform.machine()
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--python-version", PYTHON),
        *(f"--platform={tag}_{machine}" for tag in ("manylinux_2_28", "manylinux2014")),
        *(f"--requirement={ROOT / 'requirements' / f'{lock}.txt'}" for lock in LOCKS),
        f"--dest={folder}",
    )


def stand_in() -> str:
    """Return the stand-in for the official base, made of Debian packages the first time."""
    if output("buildah", "images", "--quiet", "--filter", f"reference={STAND_IN}"):
        return STAND_IN
    print(f"making {STAND_IN} with debootstrap, once (a minute)")
    with working_container("scratch") as (container, root):
        run("debootstrap", "--variant=minbase", "--include=python3,python3-venv", SUITE, str(root))
        for folder in TRIMMED:
            shutil.rmtree(root / folder, ignore_errors=True)
        run("buildah", "config", "--cmd=python3", container)
        run("buildah", "commit", "--quiet", container, STAND_IN)
    return STAND_IN


@contextmanager
def working_container(image: str) -> Iterator[tuple[str, Path]]:
    """Make a container of an image and mount its file system; both go when done."""
    container = output("buildah", "from", "--pull-never", image)
    try:
        yield container, Path(output("buildah", "mount", container))
    finally:
        run("buildah", "rm", container)


def layers_of(image: str) -> list[Size]:
    """Measure an image's layers the way a registry would hold them, lowest first."""
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        run("buildah", "push", "--quiet", "--compression-format=gzip", image, f"oci:{folder}/image")
        layout = Path(folder) / "image"
        index = json.loads((layout / "index.json").read_bytes())
        manifest = json.loads(_blob(layout, index["manifests"][0]).read_bytes())
        return [_measure(_blob(layout, layer)) for layer in manifest["layers"]]


def total(layers: Sequence[Size]) -> Size:
    """Add up layers."""
    return Size(
        compressed=sum(layer.compressed for layer in layers),
        unpacked=sum(layer.unpacked for layer in layers),
    )


def _blob(layout: Path, descriptor: Mapping[str, str]) -> Path:
    return layout / "blobs" / descriptor["digest"].replace(":", "/")


def _measure(blob: Path) -> Size:
    with gzip.open(blob) as unpacked:
        size = sum(len(chunk) for chunk in iter(lambda: unpacked.read(1 << 20), b""))
    return Size(compressed=blob.stat().st_size, unpacked=size)


def version() -> str:
    """Return the project's version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def revision() -> str:
    """Return the commit that is built, marked if it is not quite that."""
    return output(
        "git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"
    )


def run(*words: str) -> None:
    """Run a program; what it says is shown only if it fails."""
    output(*words)


def output(*words: str) -> str:
    """Run a program and return what it prints."""
    done = subprocess.run(words, capture_output=True, check=False, text=True, errors="replace")
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise BuildError(f"'{words[0]} {words[1]}' ended with {done.returncode}:\n{said}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
