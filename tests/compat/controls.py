"""Negative controls: commands that the check must find fault with, on each version.

In: controls.yaml. Out: the words and claims of each control of a version, and whether the problem
that it must have was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from compat.ask import Verdict, Words
from compat.check import problems
from compat.commands import Claims
from compat.recipes import HERE, Engine
from cosmos3_operator.catalog.load import version_key

_MODEL = "nvidia/Cosmos3-Nano"
_CONFIG_PATH = "/etc/cosmos3/deploy-config.yaml"


@dataclass(frozen=True, kw_only=True)
class Control:
    """One command that is wrong, and how that must be said."""

    name: str
    words: Words
    claims: Claims
    says: str


def controls(engine: Engine, version: str) -> tuple[Control, ...]:
    """Return the controls of one version of an engine."""
    return tuple(
        _control(entry, engine) for entry in _entries("controls") if _fits(entry, engine, version)
    )


def unseen(control: Control, verdict: Verdict) -> str | None:
    """Return what is wrong with the check: a control that it did not fault as it must."""
    found = problems(control.claims, verdict)
    if any(control.says in problem for problem in found):
        return None
    return f"control '{control.name}' must be faulted with '{control.says}', found {found}"


def _fits(entry: Mapping[str, Any], engine: Engine, version: str) -> bool:
    key = version_key(version)
    return (
        engine in entry["engines"]
        and key >= version_key(entry.get("since", "0"))
        and not ("before" in entry and key >= version_key(entry["before"]))
    )


def _control(entry: Mapping[str, Any], engine: Engine) -> Control:
    switch = ["--omni"] if engine == "vllm-omni" else []
    return Control(
        name=entry["name"],
        words=Words(args=(_MODEL, *switch, *entry["args"]), files=dict(_files(entry))),
        claims=Claims(values=entry.get("claims", {})),
        says=entry["says"],
    )


def _files(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "config" in entry:
        yield _CONFIG_PATH, f"{entry['config']}\n{_entries('deploy_config')}"


@cache
def _entries(section: str) -> Any:
    return yaml.safe_load((HERE / "controls.yaml").read_text("utf-8"))[section]
