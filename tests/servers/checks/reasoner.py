"""What the operator relies on of vLLM as a Reasoner."""

from __future__ import annotations

import base64
import math
import struct
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bed.processes import wait_until
from servers.calls import Answer
from servers.checks.common import (
    exits_cleanly,
    guards_the_api,
    has_metrics,
    must,
    must_be,
    serves_its_name,
    tells_how_far_it_is,
    total,
)
from servers.errors import CheckFailed
from servers.start import Server
from servers.trial import Check

METRICS = (
    *("vllm:num_requests_running", "vllm:num_requests_waiting"),
    *("vllm:num_requests_waiting_by_reason", "vllm:kv_cache_usage_perc"),
    *("vllm:time_to_first_token_seconds", "vllm:request_queue_time_seconds"),
    *("vllm:e2e_request_latency_seconds", "vllm:engine_sleep_state"),
)
_BUSY_S = 10.0
"""How long the request should take during which the server is told to end: judgement, well beyond
the moment that it takes to begin, and within the drain time of the resource."""
_MOST_TOKENS = 16000
"""Within spec.maxModelLength of the committed resource."""
_BEGIN_S = 120.0


def health_is_empty(server: Server) -> str:
    """The probe's answer has no body."""
    must_be("the body of /health", must(server.anonymous.get("/health")).body, b"")
    return "200, no body"


def chats(server: Server) -> str:
    """A text is answered."""
    usage = must(_chat(server, "What is a red ball?", tokens=16)).json["usage"]
    must_be("the number of tokens", usage["completion_tokens"], 16)
    return f"{usage['prompt_tokens']} tokens in, {usage['completion_tokens']} out"


def sees_pictures(server: Server) -> str:
    """A picture in the request becomes tokens of the prompt."""
    plain = must(_chat(server, "What is it?")).json["usage"]["prompt_tokens"]
    url = "data:image/png;base64," + base64.b64encode(png(320, 256)).decode()
    parts = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "What is it?"},
    ]
    seen = must(_chat(server, parts)).json["usage"]["prompt_tokens"]
    # One token for 32 × 32 pixels: patches of 16, merged 2 by 2.
    if seen - plain < 320 // 32 * 256 // 32:
        raise CheckFailed(f"the picture added only {seen - plain} tokens to the prompt")
    return f"a picture of 320 × 256 adds {seen - plain} tokens"


def refuses_local_files(server: Server) -> str:
    """Without spec.media no file of the pod can be named in a request."""
    return _refused(server, "file:///etc/hostname", "--allowed-local-media-path")


def refuses_other_hosts(server: Server) -> str:
    """With spec.allowedMediaDomains no other host is asked, such as one within the cluster."""
    return _refused(server, f"{server.url}/health", "allowed")


def _refused(server: Server, url: str, word: str) -> str:
    """Name an address in a request; vLLM refuses some as the client's error, some as its own."""
    answer = _chat(server, [{"type": "image_url", "image_url": {"url": url}}])
    if answer.status < 400 or word not in answer.text:
        raise CheckFailed(f"{url} answered {answer.status}: {answer.text[:500]}")
    return f"answered {answer.status}: {answer.json['error']['message']}"


def measures(server: Server) -> str:
    """The documented metrics are there."""
    return has_metrics(server, METRICS)


def finishes_its_request(server: Server) -> str:
    """SIGTERM with a request in flight: the rendered --shutdown-timeout lets it end."""
    tokens = _enough_tokens(server)
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(_chat, server, "Count.", tokens=tokens)
        if not wait_until(lambda: total(server, "vllm:num_requests_running") > 0, _BEGIN_S):
            raise CheckFailed("the request never began to run")
        if running.done():
            raise CheckFailed("the request ended before SIGTERM was sent: this proves nothing")
        server.terminate()
        code = server.wait()
        usage = must(running.result()).json["usage"]
    must_be("the number of tokens", usage["completion_tokens"], tokens)
    must_be("the exit code", code, 0)
    return f"all {tokens} tokens came, then exit code 0"


def _enough_tokens(server: Server) -> int:
    """Return how many tokens take a while on this machine, going by what a few take."""
    few = 100
    began = time.monotonic()
    must(_chat(server, "Count.", tokens=few))
    return min(_MOST_TOKENS, math.ceil(few * _BUSY_S / (time.monotonic() - began)))


def _chat(server: Server, content: object, *, tokens: int = 4) -> Answer:
    body: Mapping[str, Any] = {
        "model": server.rendered.served_model_name,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": tokens,
        # Random weights may say at once that they are done.
        "ignore_eos": True,
    }
    return server.api.post_json("/v1/chat/completions", body)


def png(width: int, height: int) -> bytes:
    """Return a red picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xc8\x14\x14" * width) * height
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


SERVING: Mapping[str, Check] = {
    "its log tells how far it is": tells_how_far_it_is,
    "/health is 200 and empty": health_is_empty,
    "/v1/models names the model": serves_its_name,
    "chat": chats,
    "chat about a picture": sees_pictures,
    "files of the pod stay closed": refuses_local_files,
    "other hosts are not asked": refuses_other_hosts,
    "the API key": guards_the_api,
    "metrics": measures,
}
BUSY_STOP: Mapping[str, Check] = {"SIGTERM with a request in flight": finishes_its_request}
IDLE_STOP: Mapping[str, Check] = {"SIGTERM when idle": exits_cleanly}
