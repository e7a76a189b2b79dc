"""An answer is an answer whatever its status; no answer is an error that names the address."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from servers.calls import Api
from servers.errors import ServerError


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent; 404 for a path that says so."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self._answer(200, self.rfile.read(length).decode())

    def do_GET(self) -> None:
        self._answer(404 if self.path == "/nothing" else 200, "")

    def _answer(self, status: int, body: str) -> None:
        seen = {"body": body, "key": self.headers.get("Authorization")}
        data = json.dumps(seen).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_form_has_one_part_for_each_field(url: str):
    body = Api(url=url).post_form("/v1/videos", {"prompt": "a ball", "fps": 8}).json["body"]
    assert body.count("Content-Disposition: form-data") == 2
    assert 'name="prompt"\r\n\r\na ball\r\n' in body
    assert body.rstrip().endswith("--")


def test_the_key_is_shown_if_there_is_one(url: str):
    assert Api(url=url, key="s3cret").get("/").json["key"] == "Bearer s3cret"
    assert Api(url=url).get("/").json["key"] is None


def test_an_error_status_is_an_answer(url: str):
    answer = Api(url=url).get("/nothing")
    assert (answer.status, answer.content_type) == (404, "application/json")


def test_no_answer_names_the_address(url: str):
    closed = url.rpartition(":")[0] + ":1"
    with pytest.raises(ServerError, match=closed):
        Api(url=closed).get("/")
