"""HTTP sessions that trust the right authority and say who we are on every request.

In: `Access`. Out: `aiohttp.ClientSession`, as many as asked for. Our own client and the watch
layer get one each, from the same factory, because either may close its own.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from cosmos3_operator.cluster.access import Access, Material
from cosmos3_operator.cluster.auth import Credentials, credentials_for
from cosmos3_operator.cluster.errors import AccessError

KEEPALIVE_SECONDS = 60.0


class Sessions:
    """Makes sessions that share one identity: a renewed credential serves them all."""

    def __init__(self, access: Access, *, user_agent: str) -> None:
        self._access = access
        self._user_agent = user_agent
        self._tls = tls_context(access)
        self._credentials = credentials_for(access, use_certificate=self._use_certificate)

    @property
    def server(self) -> str:
        """Address of the API server."""
        return self._access.server

    def open(
        self, *, limit: int, traces: Sequence[aiohttp.TraceConfig] = ()
    ) -> aiohttp.ClientSession:
        """Open a session with at most `limit` connections; 0 is no limit."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._tls or True, limit=limit, keepalive_timeout=KEEPALIVE_SECONDS
            ),
            headers={"User-Agent": self._user_agent},
            proxy=self._access.proxy,
            middlewares=(self._identify,),
            trace_configs=list(traces),
        )

    async def prove(self) -> None:
        """Get the first credential now, so that what is wrong with it shows at once."""
        await self._credentials.header()

    async def _identify(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._access.server_name:
            request.server_hostname = self._access.server_name
        await _authorize(request, self._credentials)
        response = await handler(request)
        if response.status == 401 and self._credentials.renew():
            response.release()
            await _authorize(request, self._credentials)
            response = await handler(request)
        return response

    def _use_certificate(self, certificate: Material, key: Material) -> None:
        if self._tls is not None:
            _load_pair(self._tls, certificate=certificate, key=key)


async def _authorize(request: aiohttp.ClientRequest, credentials: Credentials) -> None:
    header = await credentials.header()
    if header is not None:
        request.headers["Authorization"] = header


def tls_context(access: Access) -> ssl.SSLContext | None:
    """Whom to trust and which certificate to show; None for plain HTTP."""
    if not access.server.startswith("https://"):
        return None
    authority = access.authority or Material()
    try:
        context = ssl.create_default_context(
            cafile=authority.path, cadata=authority.pem.decode() if authority.pem else None
        )
    except (OSError, ValueError) as error:
        raise AccessError(f"the certificate authority cannot be used: {error}") from error
    # Python 3.13 refuses authorities without key identifiers; many clusters have such a one, and
    # every other client accepts it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.identity.certificate and access.identity.key:
        _load_pair(context, certificate=access.identity.certificate, key=access.identity.key)
    return context


def _load_pair(context: ssl.SSLContext, *, certificate: Material, key: Material) -> None:
    try:
        with _as_file(certificate) as certificate_path, _as_file(key) as key_path:
            context.load_cert_chain(certfile=certificate_path, keyfile=key_path, password=_none)
    except OSError as error:
        raise AccessError(f"the client certificate cannot be used: {error}") from error


def _none() -> bytes:
    # Without it, OpenSSL would ask at the terminal for the password of an encrypted key.
    return b""


@contextmanager
def _as_file(material: Material) -> Iterator[Path]:
    # ssl loads client certificates from files only.
    if material.path is not None:
        yield material.path
        return
    with tempfile.NamedTemporaryFile(prefix="cosmos3-") as file:
        file.write(material.pem or b"")
        file.flush()
        yield Path(file.name)
