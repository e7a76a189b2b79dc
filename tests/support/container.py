"""An image's containers as a strict cluster runs them, with nothing but buildah and runc.

In: the name of an image in buildah's storage. Out: processes that run as the image's user (or
another one) with a read-only root, no capability and no new privileges, in the host's network.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 120.0
CAPABILITY_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a container's process ended."""

    code: int
    output: str
    errors: str


class Image:
    """An image, unpacked."""

    def __init__(self, *, root: Path, config: dict[str, Any]) -> None:
        self.root = root
        self.config = config

    @property
    def entrypoint(self) -> list[str]:
        """The words that come before the arguments."""
        return list(self.config.get("Entrypoint") or [])

    @property
    def arguments(self) -> list[str]:
        """The arguments if none are given."""
        return list(self.config.get("Cmd") or [])

    def run(
        self,
        *arguments: str,
        entrypoint: Sequence[str] | None = None,
        user: str | None = None,
        mounts: Mapping[Path, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Done:
        """Run the entry point to its end; `mounts` (host → container) are read-only."""
        with self.container(
            *arguments, entrypoint=entrypoint, user=user, mounts=mounts, environment=environment
        ) as container:
            done = subprocess.run(
                container.command, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        return Done(code=done.returncode, output=done.stdout, errors=done.stderr)

    @contextlib.contextmanager
    def container(
        self,
        *arguments: str,
        entrypoint: Sequence[str] | None = None,
        user: str | None = None,
        mounts: Mapping[Path, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Container]:
        """Prepare a container; what is left of it goes at the end."""
        spec = runtime_spec(
            root=self.root,
            words=[*(self.entrypoint if entrypoint is None else entrypoint), *arguments],
            environment=[
                *self.config.get("Env", []),
                *(f"{name}={value}" for name, value in (environment or {}).items()),
            ],
            user=user or self.config["User"],
            mounts=mounts or {},
        )
        with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
            (Path(folder) / "config.json").write_text(json.dumps(spec), "utf-8")
            container = Container(name=f"test-{uuid.uuid4().hex}", bundle=Path(folder))
            try:
                yield container
            finally:
                container.remove()


@dataclass(frozen=True, kw_only=True)
class Container:
    """A prepared container: run `command`, then signal it by name."""

    name: str
    bundle: Path

    @property
    def command(self) -> list[str]:
        """What starts it and ends with it, with its exit code."""
        return ["runc", "run", "--bundle", str(self.bundle), self.name]

    def signal(self, name: str) -> None:
        """Send a signal to its first process."""
        subprocess.run(["runc", "kill", self.name, name], check=True, timeout=SECONDS)

    def remove(self) -> None:
        """End it if it still runs, and forget it."""
        subprocess.run(["runc", "delete", "--force", self.name], check=True, timeout=SECONDS)


@contextlib.contextmanager
def unpacked(image: str) -> Iterator[Image]:
    """Mount an image of buildah's storage for as long as it is used."""
    container = _buildah("from", "--pull-never", image)
    try:
        inspected = json.loads(_buildah("inspect", "--type=image", image))
        yield Image(root=Path(_buildah("mount", container)), config=inspected["OCIv1"]["config"])
    finally:
        _buildah("rm", container)


def runtime_spec(
    *,
    root: Path,
    words: Sequence[str],
    environment: Sequence[str],
    user: str,
    mounts: Mapping[Path, str],
) -> dict[str, Any]:
    """Return the OCI runtime's configuration for the strictest pod that the operator may meet."""
    uid, _, gid = user.partition(":")
    return {
        "ociVersion": "1.0.2",
        "hostname": "image-test",
        "root": {"path": str(root), "readonly": True},
        "process": {
            "args": list(words),
            "env": list(environment),
            "cwd": "/",
            "user": {"uid": int(uid), "gid": int(gid or 0)},
            "capabilities": {name: [] for name in CAPABILITY_SETS},
            "noNewPrivileges": True,
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "noexec", "mode=755", "size=64k"],
            },
            *(
                {
                    "destination": inside,
                    "type": "bind",
                    "source": str(outside),
                    "options": ["bind", "ro"],
                }
                for outside, inside in mounts.items()
            ),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "maskedPaths": ["/proc/kcore", "/proc/keys"],
            "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger"],
        },
    }


def _buildah(*words: str) -> str:
    done = subprocess.run(
        ["buildah", *words], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"buildah {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()
