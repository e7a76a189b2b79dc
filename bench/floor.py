"""The floor: a bare asyncio client that sends requests which are ready, and does nothing else.

A process of its own, as the operator is. In: a file with the requests, and how to reach the API
server. Out: on standard output, the times of its first request and of its last answer. It neither
lists, watches, decodes nor decides; nobody can make the same objects with one Python process and
much less work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from yarl import URL

from bench.access import Access
from bench.errors import BenchError
from cosmos3_operator.cluster.requests import APPLY_PATCH, Request

Ready = tuple[URL, bytes]
HEADERS = {"Accept": "application/json", "Content-Type": APPLY_PATCH}


def write_requests(path: Path, requests: Sequence[Request]) -> None:
    """Write requests down, so that nothing is rendered while the clock runs."""
    with path.open("w", encoding="utf-8") as file:
        for request in requests:
            assert request.body is not None
            file.write(json.dumps([request.path, request.body.decode()]) + "\n")


def read_requests(path: Path) -> list[Ready]:
    """Read them back, ready to be sent."""
    with path.open(encoding="utf-8") as file:
        pairs = [json.loads(line) for line in file]
    return [(URL(where, encoded=True), body.encode()) for where, body in pairs]


def prepared(requests: Sequence[Request]) -> list[Ready]:
    """Make requests ready to be sent."""
    return [(URL(request.path, encoded=True), request.body or b"") for request in requests]


async def send_all(
    session: aiohttp.ClientSession, requests: Sequence[Ready], *, workers: int
) -> float:
    """Send everything, `workers` at a time. Answer with the seconds it took."""
    waiting = iter(requests)

    async def worker() -> None:
        for url, body in waiting:
            await _send(session, url, body)

    began = time.monotonic()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return time.monotonic() - began


async def run(access: Access, requests: Sequence[Ready], *, workers: int) -> float:
    """Send everything over a session of its own."""
    async with access.session(limit=workers) as session:
        return await send_all(session, requests, workers=workers)


async def _send(session: aiohttp.ClientSession, url: URL, body: bytes) -> None:
    async with session.patch(url, data=body, headers=HEADERS) as response:
        answer = await response.read()
        if response.status >= 300:
            raise BenchError(f"PATCH {url.path} answered {response.status}: {answer.decode()}")


def main() -> int:
    """Send what the file says."""
    parser = argparse.ArgumentParser(prog="bench.floor", description=__doc__)
    parser.add_argument("requests", type=Path)
    for name in ("--server", "--ca", "--cert", "--key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    access = Access(
        server=options.server,
        ca=Path(options.ca),
        cert=Path(options.cert),
        key=Path(options.key),
    )
    requests = read_requests(options.requests)
    cpu = time.process_time()
    try:
        seconds = asyncio.run(run(access, requests, workers=options.workers))
    except (BenchError, aiohttp.ClientError) as error:
        print(f"floor: {error}", file=sys.stderr)
        return 1
    now = time.process_time()
    print(json.dumps({"seconds": seconds, "cpuSeconds": now - cpu, "processSeconds": now}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
