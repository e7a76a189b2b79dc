"""A JSON client for the bed's own few requests to its API server.

It exists so that the bed needs no Kubernetes client library: it asks for health, creates nodes
and a handful of objects, and reads them back. Nothing else should use it.
"""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bed.certs import KeyPair
from bed.errors import BedError

Json = dict[str, Any]
_TIMEOUT_S = 30.0
_NOT_FOUND = 404
_CONFLICT = 409


class NotFoundError(BedError):
    """There is no such object."""


class Client:
    """Talks to one API server with one client certificate."""

    def __init__(self, server: str, ca: Path, pair: KeyPair) -> None:
        self._address = urlsplit(server)
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.load_cert_chain(pair.cert, pair.key)

    def get(self, path: str) -> Json:
        """Read one object or list."""
        return self._json("GET", path, None)

    def create(self, path: str, body: Json) -> None:
        """Create an object; one that exists already is left as it is."""
        status, text = self._request("POST", path, body)
        if status >= 400 and status != _CONFLICT:
            raise BedError(f"POST {path} answered {status}: {text}")

    def _json(self, method: str, path: str, body: Json | None) -> Json:
        status, text = self._request(method, path, body)
        if status == _NOT_FOUND:
            raise NotFoundError(f"{method} {path}: {text}")
        if status >= 400:
            raise BedError(f"{method} {path} answered {status}: {text}")
        answer: Json = json.loads(text)
        return answer

    def _request(self, method: str, path: str, body: Json | None) -> tuple[int, str]:
        connection = http.client.HTTPSConnection(
            self._address.hostname or "",
            self._address.port,
            timeout=_TIMEOUT_S,
            context=self._context,
        )
        try:
            payload = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise BedError(
                f"{method} {path}: no answer from {self._address.netloc}: {error}"
            ) from error
        finally:
            connection.close()


def probe(url: str) -> bool:
    """Whether a component on this machine says that it is healthy; no answer means no.

    Unverified: the controllers serve certificates that they made up themselves, and health is
    all that is asked.
    """
    address = urlsplit(url)
    host, port = address.hostname or "", address.port
    connection: http.client.HTTPConnection
    if address.scheme == "https":
        unverified = ssl.create_default_context()
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=unverified)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", address.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
