"""Records /metrics of real servers after a few requests: ``python -m metrics.record``.

In: the servers of tests/servers, one at a time. Out: a text in recorded/ for each, without what is
of the machine that recorded it. Minutes, and the environments of tests/compat.
"""

from __future__ import annotations

import base64
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bed.processes import wait_until
from servers import checks
from servers.checks import reasoner
from servers.checks.common import must
from servers.checks.videos import Video, finished, submit
from servers.start import Server

RECORDED = Path(__file__).parent / "recorded"
MOST_STEPS = 158
"""The scheduler of the tiny checkpoint fails at this many (tests/servers/README.md)."""
_WAIT_S = 600.0


def exercise_reasoner(server: Server) -> None:
    """Chat, chat about a picture, and a request that is refused."""
    for tokens in (16, 32, 64):
        _chat(server, "What is a red ball?", tokens=tokens)
    url = "data:image/png;base64," + base64.b64encode(reasoner.png(320, 256)).decode()
    _chat(server, [{"type": "image_url", "image_url": {"url": url}}], tokens=16)
    refused = server.api.post_json("/v1/chat/completions", {"model": "no-such-model"})
    print(f"refused with {refused.status}")


def _chat(server: Server, content: object, *, tokens: int) -> None:
    body: Mapping[str, Any] = {
        "model": server.rendered.served_model_name,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": tokens,
        "ignore_eos": True,
    }
    must(server.api.post_json("/v1/chat/completions", body))


def exercise_generator(server: Server) -> None:
    """A picture, videos of both ways, two jobs that wait for each other, and one that fails."""
    picture = {"prompt": "A red ball.", "size": "256x192", "num_inference_steps": 4}
    must(server.api.post_json("/v1/images/generations", picture))
    must(server.api.post_form("/v1/videos/sync", Video().form))
    for job in [submit(server, Video(steps=8)) for _ in range(3)]:
        finished(server, job)
    failing = submit(server, Video(steps=MOST_STEPS))
    seen: list[int] = []

    def over() -> bool:
        answer = server.api.get(f"/v1/videos/{failing}")
        seen.append(answer.status)
        return answer.status != 200 or answer.json["status"] == "failed"

    assert wait_until(over, _WAIT_S)
    print(f"a job of {MOST_STEPS} steps ends with {seen[-1]}")
    refused = server.api.post_form("/v1/videos/sync", {"prompt": "A ball.", "size": "huge"})
    print(f"a size that is none is refused with {refused.status}")


def scrape(server: Server) -> str:
    """Return what a scrape sees once the last request has been counted."""
    time.sleep(2)
    return anonymous(must(server.anonymous.get("/metrics")).text, server)


def anonymous(text: str, server: Server) -> str:
    """Take out the folders, the port and the moments of this machine."""
    text = re.sub(r"/[^\"]*/models--([^/\"]+)/snapshots/[^/\"]+", r"/hub/models--\1", text)
    text = text.replace(str(server.folder), "/server").replace(str(server.port), "8000")
    text = re.sub(r"(?m)^(process_start_time_seconds) .*", r"\1 1.7e+09", text)
    # When a counter was born is of no use without the moment of the scrape.
    lines = [line for line in text.splitlines() if not re.match(r"(# \w+ )?\S+_created\b", line)]
    return "\n".join(lines) + "\n"


_Exercise = Callable[[Server], None]


def _subjects() -> dict[str, tuple[Mapping[str, Any], _Exercise]]:
    return {
        "vllm-omni-0.30.0": (checks.generator_resource(), exercise_generator),
        **{
            f"vllm-{version}": (checks.reasoner_resource(version), exercise_reasoner)
            for version in checks.REASONERS
        },
    }


def main() -> int:
    """Record those that are named, or all."""
    subjects = _subjects()
    for name in sys.argv[1:] or list(subjects):
        resource, exercise = subjects[name]
        with Server(resource) as server:
            exercise(server)
            (RECORDED / f"{name}.txt").write_text(scrape(server), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
