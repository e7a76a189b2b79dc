"""The Hugging Face hub's answers about access, on a loopback port.

From the documented behaviour of huggingface_hub 2.4.0: a repository that is missing, private or
gated is answered with 401 where no token came; with a token, gated ones with 403 and the code
GatedRepo, the others with 404 and RepoNotFound. An unknown token is answered with 401 everywhere.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Repo:
    """One model repository."""

    gated: bool = False
    private: bool = False
    disabled: bool = False
    revisions: tuple[str, ...] = ("main",)


@dataclass(frozen=True)
class Asked:
    """One request, as it came in."""

    path: str
    authorization: str | None


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


def error(status: int, code: str = "", words: str = "") -> Reply:
    named = {"X-Error-Code": code, "X-Error-Message": words}
    return Reply(status, {name: value for name, value in named.items() if value})


class FakeHub:
    """Repositories, tokens with what their accounts may read, and what was asked."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.tokens: dict[str, set[str]] = {}
        self.renamed: dict[str, str] = {}
        """Old name → new name, or the address of another server."""
        self.faults: list[Reply] = []
        """Answers to the next requests, whatever they are."""
        self.asked: list[Asked] = []
        self.url = ""

    @contextmanager
    def running(self, tls: ssl.SSLContext | None = None) -> Iterator[FakeHub]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                reply = hub.answer(Asked(self.path, self.headers.get("Authorization")))
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.faults:
            return self.faults.pop(0)
        token = (asked.authorization or "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            return error(401, words="Invalid credentials in Authorization header")
        path = unquote(urlsplit(asked.path).path)
        if path == "/api/whoami-v2":
            return Reply(200, body=b'{"type": "user"}') if token else error(401)
        namespace, name, *rest = path.removeprefix("/api/models/").split("/", 3)
        return self._about(f"{namespace}/{name}", rest, token)

    def _about(self, name: str, rest: list[str], token: str) -> Reply:  # noqa: PLR0911 - a table
        if name in self.renamed:
            new, tail = self.renamed[name], "/".join(rest)
            where = f"{new}/api/models/{name}" if "://" in new else f"/api/models/{new}"
            return Reply(307, {"Location": f"{where}/{tail}"})
        repo, may_read = self.repos.get(name), name in self.tokens.get(token, ())
        if repo is None or (repo.private and not may_read):
            if not token:
                return error(401, words="Invalid username or password.")
            return error(404, "RepoNotFound", "Repository not found")
        if repo.disabled:
            return error(403, words="Access to this resource is disabled.")
        if repo.gated and not may_read:
            return error(*((403 if token else 401), "GatedRepo"), _gated(name, token))
        if rest[:1] == ["auth-check"]:
            return Reply(200, {"Content-Type": "text/html"}, b"OK")
        if rest[0] == "revision" and rest[1] not in repo.revisions:
            return error(404, "RevisionNotFound", f"Invalid rev id: {rest[1]}")
        return Reply(200, body=json.dumps({"id": name}).encode())


def _gated(name: str, token: str) -> str:
    if not token:
        return f"Access to model {name} is restricted. You must be authenticated to access it."
    return f"Access to model {name} is restricted and you are not in the authorized list."
