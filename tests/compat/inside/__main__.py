"""Answers one request: what this version of a server makes of commands, and which flags it has."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from compat.inside.commands import judge
from compat.inside.servers import SERVERS, Omni
from compat.inside.snapshot import flags
from compat.inside.sweep import refused_at_start


def answer(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Answer a request: `engine`, `commands` and whether a `snapshot` is wanted."""
    server = SERVERS[request["engine"]]()
    answered: dict[str, Any] = {
        "commands": [judge(server, command, scratch) for command in request["commands"]]
    }
    if request["snapshot"]:
        answered["flags"] = flags(server.flags)
        if isinstance(server, Omni):
            answered["refused_at_start"] = refused_at_start(server, scratch)
    return answered


def main() -> None:
    # The servers write to standard output as they please; the answer must be alone there.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with tempfile.TemporaryDirectory() as scratch:
        json.dump(answer(json.load(sys.stdin), Path(scratch)), out)
    out.close()


if __name__ == "__main__":
    main()
