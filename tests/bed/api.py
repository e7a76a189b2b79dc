"""The bed for code: ``up``, ``down`` and ``status`` of one folder.

Test fixtures, the demo and the benchmark start their clusters here. What they get is a
:class:`Cluster`; what they should use of it is its kubeconfig.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bed import binaries, build, controlplane, kind, kwok, locks, nodes, processes
from bed.client import probe
from bed.controlplane import ControlPlane, PortTakenError, Wanted
from bed.errors import BedError
from bed.progress import Say, silent
from bed.state import Component, State, exists, load
from bed.versions import HERE

DEFAULT_DIR = HERE.parents[1] / ".cluster"

_TRIES = 3
_KIND = "kind"
# Nothing of the bed's data is kept, so nobody gets long to tidy up.
_GRACE_S = 3.0


@dataclass(frozen=True)
class Cluster:
    """A running control plane and how to reach it."""

    dir: Path
    kubeconfig: Path
    """Of a cluster-admin who is not in system:masters: RBAC and flow control apply to it."""
    server: str
    ca: Path
    admin_cert: Path
    admin_key: Path
    audit_log: Path | None
    pids: dict[str, int]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl against this cluster and return what it prints."""
        command = [str(binaries.kubectl()), f"--kubeconfig={self.kubeconfig}", *arguments]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise BedError(f"kubectl {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def silence(self, node: str) -> None:
        """Stop a simulated node's heartbeats, and all that happens on it, as a power cut does."""
        self.kubectl("label", "node", node, f"{nodes.SIMULATED}-")

    def revive(self, node: str) -> None:
        """Let a silenced node come back with all that was on it."""
        self.kubectl("label", "node", node, "--overwrite", f"{nodes.SIMULATED}=true")


@dataclass(frozen=True)
class Health:
    """How one component is doing."""

    component: Component
    alive: bool
    healthy: bool


@dataclass(frozen=True)
class Started:
    """What `bring_up` found or did."""

    cluster: Cluster
    components: list[Component]
    already: bool


def up(
    dir: Path = DEFAULT_DIR,  # noqa: A002
    *,
    nodes: Path | None = None,
    controllers: bool = True,
    audit: bool = False,
    node_loss_s: int | None = None,
    progress: Say = silent,
) -> Cluster:
    """Bring a cluster up, or find it up already with these very options.

    Without `controllers` there are an API server and its store, and nothing that acts by itself.
    With `node_loss_s`, a node that :meth:`Cluster.silence` silences counts as lost so soon, and
    its pods are evicted at once; otherwise Kubernetes takes 50 seconds and five minutes.
    """
    return bring_up(
        dir,
        shapes=nodes,
        controllers=controllers,
        audit=audit,
        node_loss_s=node_loss_s,
        progress=progress,
    ).cluster


def bring_up(
    folder: Path,
    *,
    shapes: Path | None = None,
    controllers: bool = True,
    audit: bool = False,
    node_loss_s: int | None = None,
    progress: Say = silent,
) -> Started:
    """Do what :func:`up` does, and tell what there was to do."""
    folder = folder.expanduser().resolve()
    shape_file = shapes or nodes.DEFAULT_SHAPES
    wanted = Wanted(nodes.load_shapes(shape_file), controllers, audit, node_loss_s)
    options = _options(wanted, shape_file)
    with _locked(folder, progress):
        state = load(folder)
        if state is not None and state.options == options and _is_healthy(state):
            return Started(_cluster(folder, state), state.components, already=True)
        names = binaries.STORE + (binaries.CONTROLLERS if controllers else ())
        programs = binaries.resolve(names, progress)
        _clear(folder, state, options, progress)
        state = _start(folder, programs, wanted, options)
        return Started(_cluster(folder, state), state.components, already=False)


def up_kind(folder: Path = DEFAULT_DIR, progress: Say = silent) -> Path:
    """Bring a kind cluster up instead, and return its kubeconfig."""
    kind.require_tools()
    folder = folder.expanduser().resolve()
    with _locked(folder, progress):
        state = load(folder)
        options = {_KIND: "true"}
        if state is None or state.options != options:
            _clear(folder, state, options, progress)
            folder.mkdir(parents=True)
            State(options).save(folder)
        kind.up(folder / controlplane.KUBECONFIG, progress)
    return folder / controlplane.KUBECONFIG


def down(dir: Path = DEFAULT_DIR, *, progress: Say = silent) -> list[str]:  # noqa: A002
    """End what `up` started and remove its folder; returns the names of what was ended."""
    folder = dir.expanduser().resolve()
    with _locked(folder, progress):
        return _tear_down(folder, load(folder))


def status(dir: Path = DEFAULT_DIR) -> list[Health] | None:  # noqa: A002
    """Return how each component is doing; None where nothing was started."""
    state = load(dir.expanduser().resolve())
    if state is None:
        return None
    return [Health(c, c.process.alive, probe(c.health)) for c in state.components]


def find(dir: Path = DEFAULT_DIR) -> Cluster | None:  # noqa: A002
    """Return the cluster that a folder describes, without asking how it is."""
    folder = dir.expanduser().resolve()
    state = load(folder)
    return _cluster(folder, state) if state is not None and state.complete else None


def _locked(folder: Path, progress: Say) -> AbstractContextManager[None]:
    """Keep two commands from working on one folder at the same time."""
    # Few names, so that temporary folders leave few files; two folders that share one just wait.
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:2]
    path = build.cache_root() / "locks" / name
    return locks.exclusive(
        path, lambda: progress(f"Another command is at work on {folder}: waiting for it")
    )


def _options(wanted: Wanted, shape_file: Path) -> dict[str, str]:
    """Return all that makes one bed differ from another."""
    return {
        "programs": binaries.source(),
        "nodes": hashlib.sha256(shape_file.read_bytes()).hexdigest()[:12],
        "stages": kwok.fingerprint(),
        "controllers": str(wanted.controllers),
        "audit": str(wanted.audit),
        "node loss": str(wanted.node_loss_s),
    }


def _is_healthy(state: State) -> bool:
    return state.complete and all(c.process.alive and probe(c.health) for c in state.components)


def _clear(folder: Path, state: State | None, options: dict[str, str], progress: Say) -> None:
    """Make room for a new cluster, and say why if one was in the way."""
    if state is not None:
        progress(f"The cluster in {folder} {_obstacle(state.options, options)}: starting it anew")
    _tear_down(folder, state)


def _obstacle(found: dict[str, str], wanted: dict[str, str]) -> str:
    """Say why a cluster that is there will not do."""
    if set(found) != set(wanted):
        return "is of another kind"
    changed = sorted(name for name in wanted if found[name] != wanted[name])
    return f"was started with other {' and '.join(changed)}" if changed else "is half dead"


def _start(
    folder: Path,
    programs: dict[str, binaries.Binary],
    wanted: Wanted,
    options: dict[str, str],
) -> State:
    for attempt in range(1, _TRIES + 1):
        folder.mkdir(parents=True)
        state = State(options)
        state.save(folder)
        try:
            ControlPlane(folder, programs, state).start(wanted)
            return state
        except PortTakenError:
            _tear_down(folder, state)
            if attempt == _TRIES:
                raise
        except BaseException:
            _tear_down(folder, state)
            raise
    raise AssertionError("unreachable")


def _tear_down(folder: Path, state: State | None) -> list[str]:
    if folder.exists() and any(folder.iterdir()) and not exists(folder):
        raise BedError(f"{folder} holds something that is not a cluster; not touching it")
    if state is not None and _KIND in state.options:
        kind.down()
    recorded = [c.process for c in state.components] if state is not None else []
    ended = _end([*recorded, *processes.marked(folder)])
    shutil.rmtree(folder, ignore_errors=True)
    return ended


def _end(found: Iterable[processes.Process]) -> list[str]:
    """End processes, the store last, so that nobody waits for it in vain."""
    unique = {(p.pid, p.started): p for p in reversed(list(found)) if p.alive}
    running = list(unique.values())
    processes.stop((p for p in running if p.name != "etcd"), grace_s=_GRACE_S)
    processes.stop((p for p in running if p.name == "etcd"), grace_s=_GRACE_S)
    return sorted(p.name for p in running)


def _cluster(folder: Path, state: State) -> Cluster:
    audit_log = folder / controlplane.AUDIT_LOG
    return Cluster(
        dir=folder,
        kubeconfig=folder / controlplane.KUBECONFIG,
        server=state.server,
        ca=folder / controlplane.CA_CERT,
        admin_cert=folder / controlplane.ADMIN_CERT.cert,
        admin_key=folder / controlplane.ADMIN_CERT.key,
        audit_log=audit_log if state.options.get("audit") == "True" else None,
        pids={c.process.name: c.process.pid for c in state.components},
    )
