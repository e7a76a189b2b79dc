"""Finds the flags that parse and then stop the server: vLLM-Omni refuses what its engine lacks.

In: the server. Out: its reason by spelling. Every spelling is tried alone with a plausible value,
since a parser's word for a flag is no proof that the server starts with it.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from compat.inside.commands import model_folder
from compat.inside.servers import Omni, RefusalError
from compat.inside.snapshot import actions, takes

_REFUSALS = ("Unknown diffusion config field", "no structured config owner")
"""What the server says without and with a deploy config."""
_VALUES = ("1", "0.5", "{}", "auto", "x", "true", "[]", "a=b", "1.1.1.1")
"""Until one of them passes the parser and gets an answer from the resolver."""
_DEPLOY_CONFIG = """\
pipeline: cosmos3_omni_deploy
stages:
  - stage_id: 0
    model_class_name: Cosmos3OmniDiffusersPipeline
    model_config: {guardrails: false}
"""


def refused_at_start(server: Omni, scratch: Path) -> dict[str, str]:
    """Return the spellings that the parser takes and the server then stops at, with its words."""
    found: dict[str, str] = {}
    for start in _starts(server, scratch):
        for action in actions(server.flags):
            for spelling in action.option_strings:
                if spelling not in found and (reason := _reason(server, start, action, spelling)):
                    found[spelling] = reason
    return found


def _starts(server: Omni, scratch: Path) -> Iterator[list[str]]:
    """Yield the beginnings of a command: without a deploy config, and with one if it is obeyed."""
    plain = [str(model_folder(scratch)), "--omni"]
    yield plain
    config = scratch / "sweep.yaml"
    config.write_text(_DEPLOY_CONFIG, "utf-8")
    configured = [*plain, "--deploy-config", str(config)]
    with contextlib.suppress(RefusalError):
        if not server.resolve(server.parse(configured))["guardrails"]:
            yield configured


def _reason(server: Omni, start: list[str], action: argparse.Action, spelling: str) -> str:
    for words in _ways(action, spelling):
        try:
            namespace = server.parse([*start, *words])
        except RefusalError:
            continue
        try:
            server.validate(namespace)
            server.resolve(namespace)
        except RefusalError as error:
            if any(refusal in str(error) for refusal in _REFUSALS):
                return str(error.__cause__)
            continue
        return ""
    return ""


def _ways(action: argparse.Action, spelling: str) -> Iterator[list[str]]:
    if takes(action) in ("none", "optional"):
        yield [spelling]
    if takes(action) != "none":
        for value in (*map(str, action.choices or ()), *_VALUES):
            yield [spelling, value]
