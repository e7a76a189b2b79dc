"""Servers for people: `python -m servers reasoner|generator|check`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from bed.progress import to_stderr
from compat.errors import CompatError
from cosmos3_operator.api.resource import Kind
from servers.checks import check
from servers.errors import ServerError
from servers.folders import HERE
from servers.report import console, made_table
from servers.start import Server


def main() -> int:
    """Run one command and return its exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args()
    try:
        if options.surface == "check":
            return 1 if any(outcome.failed for outcome in check()) else 0
        return _serve(options)
    except (ServerError, CompatError) as error:
        to_stderr(f"servers: {error}")
        return 1
    except KeyboardInterrupt:
        to_stderr("servers: ended")
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="servers", description="A real model server on the CPU, with tiny random weights."
    )
    parser.add_argument("surface", choices=["reasoner", "generator", "check"])
    parser.add_argument("--file", type=Path, metavar="YAML", help="a resource of your own")
    parser.add_argument("--port", type=int, default=0, help="(a free one)")
    return parser


def _serve(options: argparse.Namespace) -> int:
    body = read_resource(options.file or HERE / "resources" / f"{options.surface}.yaml")
    with Server(body, port=options.port) as server:
        console().print(made_table(server.words.made))
        print(describe(server), flush=True)
        code = server.process.wait(timeout_s=float("inf"))
    raise ServerError(f"the server ended by itself with exit code {code}")


def read_resource(path: Path) -> Mapping[str, Any]:
    """Read the one resource of a file."""
    try:
        body = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ServerError(f"{path}: {error}") from error
    if not isinstance(body, Mapping):
        raise ServerError(f"{path} holds no resource")
    return body


def describe(server: Server) -> str:
    """Say what runs and how to call it."""
    command = " ".join(["vllm", *server.rendered.command[1:], *server.words.args])
    call = _REASONER if server.rendered.kind is Kind.REASONER else _GENERATOR
    return "\n".join(
        [
            f"{command}\n",
            call.format(url=server.url, key=server.key, model=server.rendered.served_model_name),
            f"\nlog: {server.process.log}    end it: Ctrl-C",
        ]
    )


_REASONER = """\
curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "max_tokens": 20,
       "messages": [{{"role": "user", "content": "Hi"}}]}}'"""

_GENERATOR = """\
curl {url}/v1/videos/sync -H 'Authorization: Bearer {key}' -o video.mp4 \\
  -F prompt='a red ball' -F size=256x256 -F num_frames=17 -F num_inference_steps=4"""


def _interrupt(number: int, frame: object) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
