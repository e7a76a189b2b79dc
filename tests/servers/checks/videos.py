"""Video jobs, and what is in an MP4."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from servers.checks.common import must, must_be
from servers.errors import CheckFailed
from servers.folders import INSIDE
from servers.start import Server

_JOB_S = 600.0
_POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Video:
    """What is asked for. Small: a second or two on two idle cores."""

    width: int = 256
    height: int = 192
    frames: int = 17
    steps: int = 4

    @property
    def form(self) -> dict[str, object]:
        """The fields of the request."""
        return {
            "prompt": "A red ball rolls over a table.",
            "size": f"{self.width}x{self.height}",
            "num_frames": self.frames,
            "num_inference_steps": self.steps,
            "fps": 8,
        }


def submit(server: Server, video: Video) -> str:
    """Return the id of a new job."""
    job: str = must(server.api.post_form("/v1/videos", video.form)).json["id"]
    return job


def job_of(server: Server, job: str) -> dict[str, Any]:
    """Return what the server says of a job."""
    found: dict[str, Any] = must(server.api.get(f"/v1/videos/{job}")).json
    return found


def finished(server: Server, job: str) -> dict[str, Any]:
    """Poll a job until it is completed."""
    deadline = time.monotonic() + _JOB_S
    while True:
        found = job_of(server, job)
        if found["status"] == "completed":
            return found
        if found["status"] == "failed" or time.monotonic() > deadline:
            raise CheckFailed(f"the job is {found['status']}: {found.get('error')}")
        time.sleep(_POLL_S)


def download(server: Server, job: str) -> bytes:
    """Return the MP4 of a completed job."""
    answer = must(server.api.get(f"/v1/videos/{job}/content"))
    must_be("the type of the content", answer.content_type, "video/mp4")
    return answer.body


def must_show(server: Server, mp4: bytes, video: Video) -> str:
    """Decode an MP4 and compare it with what was asked for; return what it is."""
    must_be("the first box of the file", mp4[4:8], b"ftyp")
    found = _decoded(server, mp4)
    asked = {"frames": video.frames, "width": video.width, "height": video.height}
    must_be("the video", found, asked)
    return f"{video.frames} frames of {video.width} × {video.height}, {len(mp4) // 1024} KiB"


def _decoded(server: Server, mp4: bytes) -> dict[str, int]:
    """Count and measure with the decoder of the runtime's own environment."""
    file = server.folder / "video.mp4"
    file.write_bytes(mp4)
    done = subprocess.run(
        [server.runtime.environment.python, INSIDE / "measure_video.py", file],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CheckFailed(f"the video cannot be decoded: {done.stderr[-500:]}")
    found: dict[str, int] = json.loads(done.stdout)
    return found
