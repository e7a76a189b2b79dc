"""Requests to a server on loopback, as its users send them. Every one is bounded.

In: path and body. Out: an answer, whatever its status; ServerError if there is none.
"""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from servers.errors import ServerError

TIMEOUT_S = 300.0
"""Ceiling of one request: the tiny models answer in a second or two on an idle machine."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    content_type: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


@dataclass(frozen=True, kw_only=True)
class Api:
    """One server's API, with the key that is shown to it, if any."""

    url: str
    key: str = ""

    def get(self, path: str, *, timeout_s: float = TIMEOUT_S) -> Answer:
        """Read something."""
        return self._send("GET", path, None, "", timeout_s)

    def delete(self, path: str) -> Answer:
        """Delete something."""
        return self._send("DELETE", path, None, "", TIMEOUT_S)

    def post_json(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Send JSON."""
        return self._send("POST", path, json.dumps(body).encode(), "application/json", TIMEOUT_S)

    def post_form(self, path: str, fields: Mapping[str, object]) -> Answer:
        """Send a form of several parts, as the video API wants it."""
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        body = f"{''.join(parts)}--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return self._send("POST", path, body, kind, TIMEOUT_S)

    def _send(
        self, method: str, path: str, body: bytes | None, content_type: str, timeout_s: float
    ) -> Answer:
        request = urllib.request.Request(self.url + path, data=body, method=method)
        if content_type:
            request.add_header("Content-Type", content_type)
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                kind = response.headers.get_content_type()
                return Answer(status=response.status, content_type=kind, body=response.read())
        except urllib.error.HTTPError as error:
            with error:
                kind = error.headers.get_content_type()
                return Answer(status=error.code, content_type=kind, body=error.read())
        except OSError as error:
            raise ServerError(f"{method} {self.url}{path}: no answer: {error}") from error
