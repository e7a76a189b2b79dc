"""How to reach one cluster, as a value: the address, whom to trust, and who we are.

In: a kubeconfig or a pod's service account (`kubeconfig.py`). Out: `Access`, from which sessions
are made (`session.py`). Secret fields never show in a representation, so a log line or a traceback
that holds an `Access` holds no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Material:
    """A certificate or key: in a file, or as the PEM bytes themselves."""

    path: Path | None = None
    pem: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ExecPlugin:
    """A program that prints an ExecCredential."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_version: str = "client.authentication.k8s.io/v1"
    provide_cluster_info: bool = False
    install_hint: str = ""
    directory: Path | None = None
    """Relative commands start here: the kubeconfig's own directory."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who we are: at most one way besides the client certificate."""

    certificate: Material | None = None
    key: Material | None = None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    plugin: ExecPlugin | None = None


@dataclass(frozen=True, kw_only=True)
class Access:
    """Everything that a session needs."""

    server: str
    authority: Material | None = None
    """Certificates to trust; the system's own if None."""
    insecure: bool = False
    """Trust any certificate (`insecure-skip-tls-verify`)."""
    server_name: str | None = None
    """Name to expect in the certificate, where it is not the host (`tls-server-name`)."""
    proxy: str | None = None
    namespace: str = "default"
    identity: Identity = field(default_factory=Identity)
    source: str = ""
    """Where this came from, for people."""
