"""Finds the flags that parse and then stop the server: vLLM-Omni refuses what its engine lacks.

In: the server. Out: its reason by spelling. Every spelling is tried alone with a plausible value,
since a parser's word for a flag is no proof that the server starts with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from compat.inside.commands import model_folder
from compat.inside.servers import Omni, RefusalError
from compat.inside.snapshot import actions, takes

REFUSAL = "Unknown diffusion config field"
_VALUES = ("1", "0.5", "{}", "auto", "x", "true", "[]", "a=b", "1.1.1.1")
"""Until one of them passes the parser and gets an answer from the resolver."""


def refused_at_start(server: Omni, scratch: Path) -> dict[str, str]:
    """Return the spellings that the parser takes and the server then stops at, with its words."""
    model = str(model_folder(scratch))
    found = {}
    for action in actions(server.flags):
        for spelling in action.option_strings:
            if reason := _reason(server, action, spelling, model):
                found[spelling] = reason
    return found


def _reason(server: Omni, action: argparse.Action, spelling: str, model: str) -> str:
    for words in _ways(action, spelling):
        try:
            namespace = server.parse([model, "--omni", *words])
        except RefusalError:
            continue
        try:
            server.validate(namespace)
            server.resolve(namespace)
        except RefusalError as error:
            if REFUSAL in str(error):
                return str(error)
            continue
        return ""
    return ""


def _ways(action: argparse.Action, spelling: str) -> Iterator[list[str]]:
    if takes(action) in ("none", "optional"):
        yield [spelling]
    if takes(action) != "none":
        for value in (*map(str, action.choices or ()), *_VALUES):
            yield [spelling, value]
