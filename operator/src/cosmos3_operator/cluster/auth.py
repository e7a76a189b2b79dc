"""Credentials that stay fresh: each answers with the header to send now.

In: an `Identity`. Out: `Credentials`. A projected token is read again every minute, since the
kubelet rotates it; an exec plugin is asked again when its credential expires or is refused, and
never by two requests at once.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cosmos3_operator.cluster.access import Access, ExecPlugin, Identity, Material
from cosmos3_operator.cluster.errors import AccessError

Clock = Callable[[], float]
TOKEN_FILE_SECONDS = 60.0
PLUGIN_SECONDS = 60.0
"""A plugin that has not answered by then is stuck, perhaps on a prompt."""
EXPIRY_MARGIN_SECONDS = 10.0


class Credentials(Protocol):
    """Who we are, in a header."""

    async def header(self) -> str | None:
        """Answer with the value of `Authorization`, or None."""

    def renew(self) -> bool:
        """Forget what was refused; False if there is nothing new to be had."""


@dataclass(frozen=True)
class Fixed:
    """A token or password that never changes, or nothing at all."""

    value: str | None

    async def header(self) -> str | None:
        """Answer with the one header."""
        return self.value

    def renew(self) -> bool:
        """There is nothing else to try."""
        return False


class TokenFile:
    """A token in a file that somebody else keeps fresh."""

    def __init__(self, path: Path, *, clock: Clock = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._value: str | None = None
        self._read_at = 0.0

    async def header(self) -> str | None:
        """Answer with the token, read again once a minute."""
        now = self._clock()
        if self._value is None or now - self._read_at >= TOKEN_FILE_SECONDS:
            self._value, self._read_at = f"Bearer {_read_token(self._path)}", now
        return self._value

    def renew(self) -> bool:
        """Read the file again, before the minute is over."""
        self._value = None
        return True


class Plugin:
    """A credential that a program prints."""

    def __init__(
        self,
        plugin: ExecPlugin,
        *,
        cluster: Mapping[str, Any],
        use_certificate: Callable[[Material, Material], None],
        clock: Clock = time.time,
    ) -> None:
        self._plugin = plugin
        self._cluster = cluster
        self._use_certificate = use_certificate
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: str | None = None
        self._expires = 0.0

    async def header(self) -> str | None:
        """Answer with the plugin's token, asking it only when the last one is used up."""
        async with self._lock:
            if self._clock() >= self._expires - EXPIRY_MARGIN_SECONDS:
                self._take(await self._ask())
            return self._value

    def renew(self) -> bool:
        """Ask the plugin again at the next request."""
        self._expires = 0.0
        return True

    async def _ask(self) -> Mapping[str, Any]:
        plugin = self._plugin
        try:
            process = await asyncio.create_subprocess_exec(
                _locate(plugin),
                *plugin.args,
                env={**os.environ, **plugin.env, "KUBERNETES_EXEC_INFO": self._info()},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise AccessError(f"exec plugin {plugin.command} cannot start: {error}") from error
        try:
            output, _ = await asyncio.wait_for(process.communicate(), PLUGIN_SECONDS)
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise AccessError(f"exec plugin {plugin.command} did not answer") from error
        if process.returncode:
            raise AccessError(f"exec plugin {plugin.command} failed: exit {process.returncode}")
        return read_exec_credential(output, plugin=plugin)

    def _info(self) -> str:
        spec: dict[str, Any] = {"interactive": False}
        if self._plugin.provide_cluster_info:
            spec["cluster"] = dict(self._cluster)
        info = {"apiVersion": self._plugin.api_version, "kind": "ExecCredential", "spec": spec}
        return json.dumps(info)

    def _take(self, status: Mapping[str, Any]) -> None:
        if token := status.get("token"):
            self._value = f"Bearer {token}"
        if certificate := status.get("clientCertificateData"):
            self._use_certificate(
                Material(pem=certificate.encode()),
                Material(pem=str(status["clientKeyData"]).encode()),
            )
        self._expires = _expiry(status.get("expirationTimestamp"))


def read_exec_credential(output: bytes, *, plugin: ExecPlugin) -> Mapping[str, Any]:
    """Check what a plugin printed, and answer with its status."""
    try:
        credential = json.loads(output)
    except ValueError:
        raise AccessError(f"exec plugin {plugin.command} did not print JSON") from None
    found = credential.get("apiVersion") if isinstance(credential, dict) else None
    if found != plugin.api_version:
        raise AccessError(
            f"exec plugin {plugin.command} answered as {found!r}, expected {plugin.api_version!r}"
        )
    status = credential.get("status") or {}
    if not status.get("token") and not (
        status.get("clientCertificateData") and status.get("clientKeyData")
    ):
        raise AccessError(f"exec plugin {plugin.command} gave neither a token nor a certificate")
    return dict(status)


def credentials_for(
    access: Access, *, use_certificate: Callable[[Material, Material], None]
) -> Credentials:
    """Choose the way that the identity asks for, in kubectl's order."""
    identity = access.identity
    if identity.plugin:
        return Plugin(
            identity.plugin, cluster=_cluster_info(access), use_certificate=use_certificate
        )
    if identity.token_file:
        return TokenFile(identity.token_file)
    return Fixed(_static_header(identity))


def _static_header(identity: Identity) -> str | None:
    if identity.token:
        return f"Bearer {identity.token}"
    if identity.username:
        pair = f"{identity.username}:{identity.password or ''}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return None


def _cluster_info(access: Access) -> dict[str, Any]:
    info: dict[str, Any] = {"server": access.server}
    if access.insecure:
        info["insecure-skip-tls-verify"] = True
    if access.server_name:
        info["tls-server-name"] = access.server_name
    if access.proxy:
        info["proxy-url"] = access.proxy
    if access.authority:
        pem = access.authority.pem or _read_bytes(access.authority.path)
        info["certificate-authority-data"] = base64.b64encode(pem).decode()
    return info


def _locate(plugin: ExecPlugin) -> str:
    if "/" in plugin.command:
        return str((plugin.directory or Path()) / plugin.command)
    found = shutil.which(plugin.command)
    if not found:
        hint = f": {plugin.install_hint}" if plugin.install_hint else ""
        raise AccessError(f"exec plugin {plugin.command} is not installed{hint}")
    return found


def _expiry(timestamp: str | None) -> float:
    if not timestamp:
        return float("inf")
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        raise AccessError("the exec plugin's expirationTimestamp is not a time") from None


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise AccessError(f"cannot read the token file {path}: {error.strerror}") from error
    if not token:
        raise AccessError(f"the token file {path} is empty")
    return token


def _read_bytes(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path else b""
    except OSError as error:
        raise AccessError(f"cannot read {path}: {error.strerror}") from error
