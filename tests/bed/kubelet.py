"""The one thing of a kubelet that kwok's own server cannot do: logs that differ from pod to pod.

A process of its own, as all parts of the bed are. In: the API server's requests for containers'
logs. Out: what the pod's annotations say that the container wrote (logs.py). Every simulated node
names this server as its kubelet. It asks nobody who he is: it listens on loopback and keeps no
secret.
"""

from __future__ import annotations

import argparse
import datetime as dt
import ssl
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

if __name__ == "__main__":  # run as a file, so that its name can be seen in a list of processes
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bed.certs import KeyPair
from bed.client import Client, NotFoundError
from bed.errors import BedError
from bed.logs import NoLogError, Options, answer


def argv(*, port: int, server: str, ca: Path, client: KeyPair, serving: KeyPair) -> list[str]:
    """Return the command line of one."""
    return [
        sys.executable,
        str(Path(__file__).resolve()),
        f"--port={port}",
        f"--server={server}",
        f"--ca={ca}",
        f"--client-cert={client.cert}",
        f"--client-key={client.key}",
        f"--tls-cert={serving.cert}",
        f"--tls-key={serving.key}",
    ]


def serve(options: argparse.Namespace) -> None:
    """Answer until the process is ended."""
    pair = KeyPair(options.client_cert, options.client_key)
    client = Client(options.server, options.ca, pair)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    server = _Server(("127.0.0.1", options.port), client, context)
    server.serve_forever()


class _Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], client: Client, context: ssl.SSLContext) -> None:
        super().__init__(address, _Handler)
        self.client = client
        self._context = context

    def finish_request(self, request: object, client_address: object) -> None:
        # Here and not at accept(): a handshake that hangs must not keep others waiting.
        wrapped = self._context.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
        super().finish_request(wrapped, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        match urlsplit(self.path).path.strip("/").split("/"):
            case ["healthz"]:
                self._send(HTTPStatus.OK, "ok")
            case ["containerLogs", namespace, pod, container]:
                self._logs(namespace, pod, container)
            case _:
                self._send(HTTPStatus.NOT_IMPLEMENTED, f"{self.path} is not simulated")

    def do_POST(self) -> None:
        self._send(HTTPStatus.NOT_IMPLEMENTED, f"{self.path} is not simulated")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing about each request; they are in the API server's audit log."""

    def _logs(self, namespace: str, pod: str, container: str) -> None:
        try:
            found = self.server.client.get(f"/api/v1/namespaces/{namespace}/pods/{pod}")
            text = answer(found, container, self._options(), now=dt.datetime.now(dt.UTC))
        except NotFoundError:
            self._send(HTTPStatus.NOT_FOUND, f'pod "{pod}" not found')
        except NoLogError as error:
            self._send(HTTPStatus.BAD_REQUEST, str(error))
        except BedError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._send(HTTPStatus.OK, text)

    def _options(self) -> Options:
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}

        def number(name: str) -> int | None:
            return int(asked[name]) if name in asked else None

        return Options(
            previous=asked.get("previous") == "true",
            timestamps=asked.get("timestamps") == "true",
            tail_lines=number("tailLines"),
            limit_bytes=number("limitBytes"),
            since_seconds=number("sinceSeconds"),
        )

    def _send(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubelet", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server", required=True)
    for name in ("ca", "client-cert", "client-key", "tls-cert", "tls-key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    return parser


if __name__ == "__main__":
    serve(_parser().parse_args())
