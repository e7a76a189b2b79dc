"""The preStop hook, run as the pod runs it, against a server that answers like vLLM-Omni."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from unit.plan import specs

Answer = tuple[int, object]


class Jobs(ThreadingHTTPServer):
    """Gives one answer after the other, the last one for ever, and keeps what was asked."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.gauges: list[Answer] = [(404, {})]
        self.asked: list[tuple[str, str | None]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Jobs

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        answers = self.server.gauges if self.path == "/metrics" else self.server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serving(answers: list[Answer]) -> Iterator[Jobs]:
    server = Jobs(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


TOO_LONG = 3000
"""A limit that no test could wait for: whoever ends earlier did not wait."""


def drain(
    port: int, *, limit: int = TOO_LONG, first: int = 0, key: str = "", gauges: str = ""
) -> None:
    """Run the hook's own script to its end."""
    hook = specs.container_of(specs.generator())["lifecycle"]["preStop"]["exec"]["command"]
    script = hook[hook.index("-c") + 1]
    subprocess.run(
        [sys.executable, "-c", script, str(port), str(limit), str(first), gauges],
        env={"VLLM_API_KEY": key} if key else {},
        check=True,
        timeout=600,
    )


def listed(*states: str) -> Answer:
    return 200, {"data": [{"id": str(i), "status": state} for i, state in enumerate(states)]}


def test_waits_until_the_last_job_is_done():
    with serving([listed("completed", "queued"), listed("completed", "failed")]) as server:
        drain(server.server_port)
    assert len(server.asked) == 2


def test_an_idle_server_is_let_go_at_once():
    with serving([listed()]) as server:
        drain(server.server_port)
    assert len(server.asked) == 1


def test_waiting_is_bounded():
    with serving([listed("in_progress")]) as server:
        drain(server.server_port, limit=3)
    assert server.asked


@pytest.mark.parametrize("answer", [(401, {}), (404, {})])
def test_a_server_that_cannot_tell_is_not_waited_for(answer: Answer):
    with serving([answer]) as server:
        drain(server.server_port)
    assert len(server.asked) == 1


def test_a_server_that_is_too_busy_to_answer_gets_patience():
    with serving([(503, {}), listed("in_progress"), listed("completed")]) as server:
        drain(server.server_port)
    assert len(server.asked) == 3


def test_a_server_that_is_gone_is_not_waited_for():
    with serving([listed()]) as server:
        port = server.server_port
    drain(port)


def test_it_shows_the_key_and_asks_for_the_newest_jobs():
    with serving([listed()]) as server:
        drain(server.server_port, key="s3cret")
    assert server.asked == [("/v1/videos?limit=100&order=desc", "Bearer s3cret")]


def test_the_hook_is_given_port_and_limits():
    hook = specs.container_of(specs.generator(drainSeconds=300))["lifecycle"]["preStop"]
    assert hook["exec"]["command"][-4:] == ["8000", "300", "10", ""]


def test_gauges_are_asked_only_where_they_follow_arrivals():
    newer = specs.generator(drainSeconds=300, runtime={"version": "0.30.0"})
    hook = specs.container_of(newer)["lifecycle"]["preStop"]
    assert hook["exec"]["command"][-4:] == ["8000", "300", "10", "vllm_omni:"]


def told(running: float, waiting: float) -> Answer:
    """Return metrics as vLLM-Omni 0.30 prints them, among others that do not count."""
    labels = '{model_name="/models/a b"}'
    return 200, (
        f"# HELP vllm_omni:num_requests_running Requests in flight.\n"
        f"vllm_omni:num_requests_running{labels} {running}\n"
        f"vllm_omni:num_requests_waiting{labels} {waiting}\n"
        f"vllm_omni:num_requests_success_total{labels} 7.0\n"
        f"vllm:num_requests_running{labels} 9.0\n"
    )


@pytest.mark.parametrize("busy", [told(1.0, 0.0), told(0.0, 2.0)])
def test_requests_that_are_no_jobs_are_waited_for(busy: Answer):
    with serving([listed()]) as server:
        server.gauges = [busy, told(0.0, 0.0)]
        drain(server.server_port, gauges="vllm_omni:")
    assert [path for path, _ in server.asked].count("/metrics") == 2


def test_a_job_list_that_cannot_be_read_leaves_the_gauges():
    with serving([(401, {})]) as server:
        server.gauges = [told(1.0, 0.0), told(0.0, 0.0)]
        drain(server.server_port, gauges="vllm_omni:")
    assert [path for path, _ in server.asked].count("/metrics") == 2


def test_a_server_without_gauges_is_idle_when_its_jobs_are_done():
    with serving([listed()]) as server:
        drain(server.server_port, gauges="vllm_omni:")
    assert len(server.asked) == 2


def test_a_reasoner_drains_by_itself_and_only_leaves_the_endpoints_first():
    plan = specs.reasoner(drainSeconds=300)
    assert specs.container_of(plan)["lifecycle"]["preStop"] == {"sleep": {"seconds": 10}}
    assert plan.drain.grace_seconds > 10 + 300
