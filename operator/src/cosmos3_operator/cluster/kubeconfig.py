"""Find the cluster: a kubeconfig as kubectl reads it, or the service account of our own pod.

In: paths, a context name, an environment. Out: `Access`. Several files merge as for kubectl: the
first one to name a thing wins, and relative paths belong to the file that holds them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cosmos3_operator.cluster.access import Access, ExecPlugin, Identity, Material
from cosmos3_operator.cluster.errors import AccessError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def find_access(
    *,
    kubeconfig: Path | None,
    context: str | None,
    environ: Mapping[str, str],
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """Take the first that exists: the option, $KUBECONFIG, our pod's account, ~/.kube/config."""
    if kubeconfig is not None:
        return from_files([kubeconfig], context=context)
    if paths := [Path(part) for part in environ.get("KUBECONFIG", "").split(":") if part]:
        return from_files(paths, context=context)
    if context is None and environ.get("KUBERNETES_SERVICE_HOST"):
        return from_service_account(environ=environ, directory=service_account)
    home = Path(environ.get("HOME", "/")) / ".kube" / "config"
    if home.exists():
        return from_files([home], context=context)
    raise AccessError(
        "no cluster to work with: give --kubeconfig, set KUBECONFIG, or run in a pod with a"
        " service account"
    )


def from_service_account(
    *, environ: Mapping[str, str], directory: Path = SERVICE_ACCOUNT
) -> Access:
    """Use the projected token of the pod we run in."""
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    token, authority = directory / "token", directory / "ca.crt"
    for path in (token, authority):
        if not path.is_file():
            raise AccessError(f"in a pod, but {path} is missing: is the token mounted?")
    return Access(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        authority=Material(path=authority),
        namespace=_read_optional(directory / "namespace") or "default",
        identity=Identity(token_file=token),
        source="the pod's service account",
    )


def from_files(paths: Sequence[Path], *, context: str | None = None) -> Access:
    """Merge kubeconfig files and resolve one context."""
    existing = [path for path in paths if path.exists()]
    if not existing:
        raise AccessError(f"no kubeconfig at {', '.join(map(str, paths))}")
    merged = _merge([_load(path) for path in existing])
    where = ":".join(map(str, existing))
    name = context or merged["current-context"]
    if not name:
        raise AccessError(f"{where} has no current-context: give --context")
    chosen = _named(merged, "contexts", "context", name, where=where)
    cluster = _named(merged, "clusters", "cluster", chosen.get("cluster"), where=where)
    user_name = chosen.get("user")
    user = _named(merged, "users", "user", user_name, where=where) if user_name else {}
    return _access(
        cluster,
        identity=_identity(user),
        namespace=str(chosen.get("namespace") or "default"),
        source=f"context {name} of {where}",
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"cannot read {path}: {type(error).__name__}") from error
    except yaml.YAMLError as error:
        # The error quotes the offending line, which may be a token: leave it out of the message.
        raise AccessError(f"{path} is not YAML") from _without_text(error)
    if not isinstance(document, dict):
        raise AccessError(f"{path} is not a kubeconfig")
    return {**document, "directory": path.resolve().parent}


def _without_text(error: yaml.YAMLError) -> Exception:
    mark = getattr(error, "problem_mark", None)
    return ValueError(f"line {mark.line + 1}" if mark else "unknown line")


def _merge(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {"current-context": "", "clusters": {}, "contexts": {}, "users": {}}
    for document in documents:
        merged["current-context"] = merged["current-context"] or document.get("current-context")
        for section in ("clusters", "contexts", "users"):
            for entry in document.get(section) or ():
                located = {**entry, "directory": document["directory"]}
                merged[section].setdefault(str(entry.get("name")), located)
    return merged


def _named(
    merged: Mapping[str, Any], section: str, field: str, name: Any, *, where: str
) -> dict[str, Any]:
    entry = merged[section].get(str(name))
    if entry is None:
        known = ", ".join(sorted(merged[section])) or "none"
        raise AccessError(f"{where} has no {field} {name!r}; it has: {known}")
    return {**(entry.get(field) or {}), "directory": entry["directory"]}


def _access(
    cluster: Mapping[str, Any], *, identity: Identity, namespace: str, source: str
) -> Access:
    server = str(cluster.get("server") or "").rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise AccessError(f"{source}: the cluster has no usable server address")
    insecure = bool(cluster.get("insecure-skip-tls-verify"))
    authority = _material(cluster, "certificate-authority")
    if insecure and authority:
        raise AccessError(
            f"{source}: insecure-skip-tls-verify and a certificate authority exclude each other"
        )
    return Access(
        server=server,
        authority=authority,
        insecure=insecure,
        server_name=cluster.get("tls-server-name") or None,
        proxy=cluster.get("proxy-url") or None,
        namespace=namespace,
        identity=identity,
        source=source,
    )


def _identity(user: Mapping[str, Any]) -> Identity:
    if "auth-provider" in user:
        raise AccessError("auth-provider is gone from Kubernetes since 1.26: use an exec plugin")
    token_file = user.get("tokenFile")
    identity = Identity(
        certificate=_material(user, "client-certificate"),
        key=_material(user, "client-key"),
        token=None if token_file else user.get("token"),
        token_file=_resolve(user, token_file),
        username=user.get("username"),
        password=user.get("password"),
        plugin=_plugin(user),
    )
    if (identity.certificate is None) != (identity.key is None):
        raise AccessError("a client certificate needs its key, and a key its certificate")
    return identity


def _plugin(user: Mapping[str, Any]) -> ExecPlugin | None:
    section = user.get("exec")
    if not section:
        return None
    version = section.get("apiVersion")
    if version not in EXEC_VERSIONS:
        raise AccessError(f"exec plugin of version {version!r}: known are {EXEC_VERSIONS}")
    if not section.get("command"):
        raise AccessError("the exec plugin has no command")
    return ExecPlugin(
        command=section["command"],
        args=tuple(map(str, section.get("args") or ())),
        env={entry["name"]: entry["value"] for entry in section.get("env") or ()},
        api_version=version,
        provide_cluster_info=bool(section.get("provideClusterInfo")),
        install_hint=section.get("installHint") or "",
        directory=user["directory"],
    )


def _material(section: Mapping[str, Any], field: str) -> Material | None:
    if encoded := section.get(f"{field}-data"):
        try:
            return Material(pem=base64.b64decode(encoded, validate=True))
        except (binascii.Error, ValueError) as error:
            raise AccessError(f"{field}-data is not base64") from error
    path = _resolve(section, section.get(field))
    return Material(path=path) if path else None


def _resolve(section: Mapping[str, Any], path: Any) -> Path | None:
    return Path(section["directory"]) / str(path) if path else None


def _read_optional(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
