"""What the operator relies on of vLLM-Omni as a Generator."""

from __future__ import annotations

import base64
import math
import struct
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from bed.processes import wait_until
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
from servers.checks.guardrails import are_off
from servers.checks.videos import Video, download, finished, job_of, must_show, submit
from servers.start import Server
from servers.trial import Check

_IN_FLIGHT = ("vllm_omni:num_requests_running", "vllm_omni:num_requests_waiting")
"""How they split requests is not to be trusted, their sum is."""
METRICS = (
    *_IN_FLIGHT,
    *("vllm_omni:e2e_request_latency_s", "vllm_omni:requests_success"),
    *("vllm_omni:request_queue_wait_s", "vllm_omni:stage_gen_time_s"),
)
_BUSY_S = 30.0
"""How long the jobs should take that a stop has to wait for: well beyond the hook's first wait."""
_ARRIVAL_S = 60.0
"""Until requests have been accepted."""
_LONG = Video(width=512, height=384, frames=33, steps=10)


def health_says_so(server: Server) -> str:
    """The probe's answer is JSON with a word."""
    body = must(server.anonymous.get("/health")).json
    must_be("the body of /health", body, {"status": "healthy"})
    return str(body)


def makes_pictures(server: Server) -> str:
    """A picture of the asked size comes back."""
    body = {"prompt": "A red ball.", "size": "256x192", "n": 1, "num_inference_steps": 2}
    (made,) = must(server.api.post_json("/v1/images/generations", body)).json["data"]
    picture = base64.b64decode(made["b64_json"])
    must_be("the beginning of the picture", picture[:8], b"\x89PNG\r\n\x1a\n")
    must_be("the size of the picture", struct.unpack(">II", picture[16:24]), (256, 192))
    return f"a PNG of 256 × 192, {len(picture) // 1024} KiB"


def makes_a_video_at_once(server: Server) -> str:
    """The synchronous request answers with the MP4 itself."""
    video = Video()
    answer = must(server.api.post_form("/v1/videos/sync", video.form))
    return must_show(server, answer.body, video)


def makes_a_video_as_a_job(server: Server) -> str:
    """A job is accepted, listed, completed, downloaded and forgotten."""
    video = Video()
    job = submit(server, video)
    listed = [one["id"] for one in must(server.api.get("/v1/videos")).json["data"]]
    must_be("whether the job is listed", job in listed, True)
    finished(server, job)
    seen = must_show(server, download(server, job), video)
    must(server.api.delete(f"/v1/videos/{job}"))
    must(server.api.get(f"/v1/videos/{job}"), status=404)
    return seen


def measures(server: Server) -> str:
    """The documented metrics are there."""
    return has_metrics(server, METRICS)


def waits_for_synchronous_requests(server: Server) -> str:
    """The rendered hook outlasts requests that are in no job list, by the server's gauges."""
    began = time.monotonic()
    must(server.api.post_form("/v1/videos/sync", _LONG.form))
    number = math.ceil(_BUSY_S / (time.monotonic() - began))
    with ThreadPoolExecutor(number) as pool:
        asked = [
            pool.submit(server.api.post_form, "/v1/videos/sync", _LONG.form) for _ in range(number)
        ]
        arrived = wait_until(lambda: total(server, *_IN_FLIGHT) >= number, _ARRIVAL_S)
        must_be("whether all requests have arrived", arrived, True)
        took = server.run_pre_stop()
        must_be("requests in flight after the preStop hook", total(server, *_IN_FLIGHT), 0)
        statuses = {request.result().status for request in asked}
    must_be("the answers' status", statuses, {200})
    return f"{number} requests were answered while the hook ran, {took:.0f} s"


def drains(server: Server) -> str:
    """A stop as by a kubelet while jobs run: the rendered hook waits for them, then SIGTERM."""
    jobs = _enough_jobs(server)
    last = jobs[-1]
    must_be("whether the last job waits", job_of(server, last)["status"] in _UNFINISHED, True)
    took = server.run_pre_stop()
    states = {job_of(server, job)["status"] for job in jobs}
    must_be("what jobs are after the preStop hook", states, {"completed"})
    seen = must_show(server, download(server, last), _LONG)
    server.terminate()
    must_be("the exit code", server.wait(), 0)
    return f"{len(jobs)} jobs completed while the hook ran, {took:.0f} s; exit code 0; {seen}"


_UNFINISHED = ("queued", "in_progress")


def _enough_jobs(server: Server) -> list[str]:
    """Submit jobs that take a while on this machine, going by what the first one takes."""
    began = time.monotonic()
    finished(server, submit(server, _LONG))
    took = time.monotonic() - began
    return [submit(server, _LONG) for _ in range(math.ceil(_BUSY_S / took))]


SERVING: Mapping[str, Check] = {
    "its log tells how far it is": tells_how_far_it_is,
    "/health says healthy": health_says_so,
    "/v1/models names the model": serves_its_name,
    "guardrails Disabled: they are off": are_off,
    "a picture": makes_pictures,
    "a synchronous video": makes_a_video_at_once,
    "a video job and its MP4": makes_a_video_as_a_job,
    "the API key": guards_the_api,
    "metrics": measures,
}
BUSY_STOP: Mapping[str, Check] = {
    "preStop with synchronous requests in flight": waits_for_synchronous_requests,
    "preStop and SIGTERM with a job in flight": drains,
}
IDLE_STOP: Mapping[str, Check] = {"SIGTERM when idle": exits_cleanly}
