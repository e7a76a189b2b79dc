"""Command lines of the control plane, and the order in which its parts come up.

In: programs, an empty folder and which parts are wanted. Out: running processes, each recorded
in the folder's state the moment it exists, and kubeconfig files. Every wait is for a condition,
with a ceiling generous enough for a machine many times slower than a laptop.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bed import kubeconfig, kubelet, kwok, nodes, processes
from bed.binaries import Binary
from bed.certs import Authority, KeyPair
from bed.client import Client, Json, probe
from bed.errors import BedError
from bed.state import Component, State

ADMIN_CERT = KeyPair(Path("pki/admin.crt"), Path("pki/admin.key"))
CA_CERT = Path("pki/ca.crt")
KUBECONFIG = Path("kubeconfig")
AUDIT_LOG = Path("audit.log")
LOGS = Path("logs")

_CEILING_S = 180.0
_LOG_TAIL_LINES = 15
# Instead of a version: a program of the bed's own.
_OF_THE_BED = "-"
_ADMIN_GROUP = "bed:cluster-admins"

_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"

_ADMIN_BINDING: Json = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "bed-cluster-admins"},
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "cluster-admin",
    },
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": _ADMIN_GROUP}],
}

_AUDIT_POLICY: Json = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


class PortTakenError(BedError):
    """Somebody took a port between choosing it and listening on it: worth another try."""


@dataclass(frozen=True)
class Wanted:
    """What to bring up."""

    shapes: Sequence[nodes.Shape]
    controllers: bool
    audit: bool
    node_loss_s: int | None = None
    """After how many silent seconds a node counts as lost, instead of Kubernetes' own times."""


@dataclass(frozen=True)
class _Ports:
    etcd: int
    apiserver: int
    controller_manager: int
    scheduler: int
    kwok: int
    kubelet: int

    @classmethod
    def free(cls) -> _Ports:
        """Choose ports that nobody listens on; held open together so that no two are the same."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in cls.__dataclass_fields__]
            for opened in sockets:
                opened.bind(("127.0.0.1", 0))
            return cls(*(opened.getsockname()[1] for opened in sockets))


class ControlPlane:
    """One control plane on its way up."""

    def __init__(self, folder: Path, binaries: Mapping[str, Binary], state: State) -> None:
        self._folder = folder
        self._binaries = binaries
        self._state = state
        self._ports = _Ports.free()
        self._server = f"https://127.0.0.1:{self._ports.apiserver}"
        state.server = self._server

    def start(self, wanted: Wanted) -> None:
        """Bring everything up; returns when nodes take pods."""
        (self._folder / LOGS).mkdir()
        authority = Authority(self._folder / "pki")
        root = authority.client("root", "bed-root", "system:masters")
        client = Client(self._server, authority.cert, root)
        self._start_server(authority, wanted)
        client.create(_BINDINGS, _ADMIN_BINDING)
        if wanted.controllers:
            self._start_controllers(authority, self._kubeconfig("root", "bed-root", root), wanted)
            self._start_kubelet(authority, root)
            client.create(_STORAGE_CLASSES, kwok.STORAGE_CLASS)
            names = _create_nodes(client, wanted.shapes)
            self._await_health()
            self._await(lambda: _usable(client, names), "the nodes did not become Ready")
        self._state.complete = True
        self._state.save(self._folder)

    def _start_server(self, authority: Authority, wanted: Wanted) -> None:
        self._launch("etcd", self._etcd(), self._ports.etcd, "http", "/health")
        self._await_health()
        argv = self._apiserver(authority, wanted)
        self._launch("kube-apiserver", argv, self._ports.apiserver, "https", "/readyz")
        self._write_admin(authority)
        self._await_health()

    def _start_controllers(self, authority: Authority, root_config: Path, wanted: Wanted) -> None:
        ports = self._ports
        argv = self._controller_manager(authority, wanted)
        self._launch("kube-controller-manager", argv, ports.controller_manager, "https", "/healthz")
        self._launch(
            "kube-scheduler", self._scheduler(authority), ports.scheduler, "https", "/healthz"
        )
        config = kwok.write_configuration(self._folder)
        # It plays every kubelet and the volume provisioner, hence the widest rights.
        argv = kwok.argv(
            self._binaries["kwok"].path,
            config,
            root_config,
            port=ports.kwok,
            kubelet_port=ports.kubelet,
            lease_s=wanted.node_loss_s or kwok.LEASE_S,
        )
        self._launch("kwok", argv, ports.kwok, "http", "/healthz")

    def _start_kubelet(self, authority: Authority, root: KeyPair) -> None:
        argv = kubelet.argv(
            port=self._ports.kubelet,
            server=self._server,
            ca=authority.cert,
            client=root,
            serving=authority.serving("kubelet", ["127.0.0.1"]),
        )
        self._launch("kubelet", argv, self._ports.kubelet, "https", "/healthz")

    def _launch(self, name: str, argv: list[str], port: int, scheme: str, path: str) -> None:
        log = self._folder / LOGS / f"{name}.log"
        process = processes.spawn(name, argv, log=log, folder=self._folder)
        health = f"{scheme}://127.0.0.1:{port}{path}"
        version = self._binaries[name].version if name in self._binaries else _OF_THE_BED
        self._state.components.append(Component(process, version, port, health))
        self._state.save(self._folder)

    def _await_health(self) -> None:
        """Wait for all launched components, noting how long each took."""
        began = time.monotonic()

        def all_healthy() -> bool:
            pending = [c for c in self._state.components if c.ready_after_s is None]
            for component in pending:
                if probe(component.health):
                    component.ready_after_s = round(time.monotonic() - began, 2)
            return all(c.ready_after_s is not None for c in pending)

        self._await(all_healthy, "not healthy")

    def _await(self, condition: processes.Condition, complaint: str) -> None:
        """Wait, but no longer than all processes live; on failure show what they said last."""
        dead: list[Component] = []

        def settled() -> bool:
            dead[:] = [c for c in self._state.components if not c.process.alive]
            return bool(dead) or condition()

        in_time = processes.wait_until(settled, _CEILING_S)
        if dead:
            self._fail(dead[0], "ended by itself")
        if not in_time:
            slow = [c for c in self._state.components if c.ready_after_s is None]
            suspect = slow[0] if slow else self._state.components[-1]
            self._fail(suspect, f"{complaint} within {_CEILING_S:.0f} s")

    def _fail(self, component: Component, what: str) -> None:
        name = component.process.name
        lines = (self._folder / LOGS / f"{name}.log").read_text(errors="replace").splitlines()
        said = "\n".join(f"  | {line}" for line in lines[-_LOG_TAIL_LINES:])
        kind = PortTakenError if "address already in use" in said else BedError
        raise kind(f"{name}: {what}. Its last words:\n{said}")

    def _kubeconfig(self, name: str, user: str, pair: KeyPair) -> Path:
        path = self._folder / "pki" / f"{name}.kubeconfig"
        ca = self._folder / CA_CERT
        return kubeconfig.write(path, server=self._server, ca=ca, user=user, pair=pair)

    def _write_admin(self, authority: Authority) -> None:
        # Not system:masters: that group passes by authorization and by flow control, and what is
        # tested here should meet both.
        pair = authority.client("admin", "bed-admin", _ADMIN_GROUP)
        path = self._folder / KUBECONFIG
        kubeconfig.write(path, server=self._server, ca=authority.cert, user="bed-admin", pair=pair)

    def _program(self, name: str) -> str:
        return str(self._binaries[name].path)

    def _etcd(self) -> list[str]:
        url = f"http://127.0.0.1:{self._ports.etcd}"
        return [
            self._program("etcd"),
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            "--listen-peer-urls=http://127.0.0.1:0",  # it has no peers
            "--unsafe-no-fsync",  # the data does not outlive the bed
            "--log-level=warn",
        ]

    def _apiserver(self, authority: Authority, wanted: Wanted) -> list[str]:
        # 198.19.0.1 is the address of the `kubernetes` Service.
        hosts = ["127.0.0.1", "localhost", "kubernetes.default.svc", "198.19.0.1"]
        serving = authority.serving("apiserver", hosts)
        accounts = self._service_account_key(authority)
        arguments = [
            self._program("kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{self._ports.etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._ports.apiserver}",
            # It would publish its address as an endpoint, and a loopback address is none.
            "--endpoint-reconciler-type=none",
            # Simulated nodes have names that no resolver knows.
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-cluster-ip-range={kwok.SERVICE_NETWORK}",
            f"--tls-cert-file={serving.cert}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={authority.cert}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            "--allow-privileged=true",
            "--profiling=false",
        ]
        if wanted.node_loss_s is not None:
            # Pods leave a lost node as soon as it counts as lost, not five minutes later.
            arguments += [
                "--default-not-ready-toleration-seconds=1",
                "--default-unreachable-toleration-seconds=1",
            ]
        if wanted.audit:
            policy = self._folder / "audit-policy.json"
            policy.write_text(json.dumps(_AUDIT_POLICY))
            arguments += [
                f"--audit-policy-file={policy}",
                f"--audit-log-path={self._folder / AUDIT_LOG}",
                "--audit-log-maxsize=4096",  # MiB: one file, so that a reader need not look further
            ]
        return arguments

    def _service_account_key(self, authority: Authority) -> Path:
        path = self._folder / "pki" / "service-accounts.key"
        return path if path.exists() else authority.service_account_key()

    def _controller_manager(self, authority: Authority, wanted: Wanted) -> list[str]:
        name = "kube-controller-manager"
        loss = [] if wanted.node_loss_s is None else _node_loss(wanted.node_loss_s)
        return [
            *self._controller(name, authority, self._ports.controller_manager),
            f"--root-ca-file={authority.cert}",
            f"--service-account-private-key-file={self._service_account_key(authority)}",
            # Its roles belong to one service account per controller, not to its own user.
            "--use-service-account-credentials=true",
            # The default limits make it spend seconds waiting for itself while it starts.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            # Every 15 s otherwise, however little a test needs of it.
            "--horizontal-pod-autoscaler-sync-period=1s",
            *loss,
        ]

    def _scheduler(self, authority: Authority) -> list[str]:
        return [
            *self._controller("kube-scheduler", authority, self._ports.scheduler),
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]

    def _controller(self, name: str, authority: Authority, port: int) -> list[str]:
        user = f"system:{name}"
        config = self._kubeconfig(name, user, authority.client(name, user))
        return [
            self._program(name),
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--authentication-skip-lookup",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            "--leader-elect=false",  # there is only one of each
            "--profiling=false",
        ]


def _node_loss(seconds: int) -> list[str]:
    return ["--node-monitor-period=500ms", f"--node-monitor-grace-period={seconds}s"]


def _create_nodes(client: Client, shapes: Sequence[nodes.Shape]) -> set[str]:
    names = set()
    for node in nodes.manifests(list(shapes)):
        client.create("/api/v1/nodes", node)
        names.add(node["metadata"]["name"])
    return names


def _usable(client: Client, names: set[str]) -> bool:
    """Whether pods can be scheduled: nodes Ready and rid of the taint of those that are not.

    Pods also need their namespace's service account, which the controller-manager creates.
    """
    try:
        found = client.get("/api/v1/nodes")["items"]
        accounts = client.get("/api/v1/namespaces/default/serviceaccounts")["items"]
    except BedError:  # busy, so soon after its start
        return False
    ready = {node["metadata"]["name"] for node in found if _ready(node)}
    return names <= ready and any(a["metadata"]["name"] == "default" for a in accounts)


def _ready(node: Json) -> bool:
    taints = node["spec"].get("taints", [])
    conditions = node["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) and not any(
        t["key"].startswith("node.kubernetes.io/") for t in taints
    )
