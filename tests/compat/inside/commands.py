"""Judges command lines, one after the other, as far as each gets.

In: for each command its words after `vllm serve` and the files that it names. Out: for each command
the steps that it passed, and the server's reason where it passed no further.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compat.inside.servers import RefusalError, Server


def judge(server: Server, command: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Return `passed` (steps), `error` (text or None) and what the server resolved."""
    words = in_reach(command["args"], command["files"], scratch)
    passed: list[str] = []
    try:
        namespace = server.parse(words)
        passed.append("parsed")
        server.validate(namespace)
        passed.append("validated")
        resolved = server.resolve(namespace)
        passed.append("resolved")
    except RefusalError as error:
        return {"passed": passed, "error": str(error), "resolved": {}}
    return {"passed": passed, "error": None, "resolved": resolved}


def in_reach(words: list[str], files: dict[str, str], scratch: Path) -> list[str]:
    """Return the words with model and files replaced by ones that exist here."""
    here = {}
    for number, (path, text) in enumerate(files.items()):
        copy = scratch / f"{number}-{Path(path).name}"
        copy.write_text(text, "utf-8")
        here[path] = str(copy)
    _, *rest = (here.get(word, word) for word in words)
    return [str(model_folder(scratch)), *rest]


def model_folder(scratch: Path) -> Path:
    """Return a folder that looks like a Cosmos 3 Generator to whoever reads only its index."""
    folder = scratch / "model"
    if not folder.exists():
        for name, content in _MODEL.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content), "utf-8")
    return folder


_MODEL: dict[str, dict[str, Any]] = {
    "model_index.json": {
        "_class_name": "Cosmos3OmniDiffusersPipeline",
        "_diffusers_version": "0.38.0",
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "transformer": ["diffusers", "Cosmos3OmniTransformer3DModel"],
    },
    "transformer/config.json": {"_class_name": "Cosmos3OmniTransformer3DModel"},
    "scheduler/scheduler_config.json": {"_class_name": "UniPCMultistepScheduler"},
}
