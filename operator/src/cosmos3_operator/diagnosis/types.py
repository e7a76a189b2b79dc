"""The shape of the rules in `rules.yaml`, and of what a text was found to say.

In: nothing. Out: frozen values that `load` fills and `match` reads and returns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cosmos3_operator.api.conditions import Reason


class Meaning(StrEnum):
    """What a line that a rule knows stands for."""

    CAUSE = "Cause"
    CONSEQUENCE = "Consequence"
    """It follows from something that was printed before it, and says nothing about what."""
    BENIGN = "Benign"
    """It looks like a failure and is none."""


class Fact(StrEnum):
    """What is known of a resource, where the same words mean different things."""

    TOKEN = "Token"  # noqa: S105 - the name of a fact
    NO_TOKEN = "NoToken"  # noqa: S105 - the name of a fact
    OFFLINE = "Offline"
    ONLINE = "Online"
    OFFLOAD = "Offload"
    NO_OFFLOAD = "NoOffload"
    GUARDRAILS = "Guardrails"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one failure is known by what is printed, and what to do about it."""

    name: str
    meaning: Meaning = Meaning.CAUSE
    reason: Reason | None = None
    """Only causes have one."""
    faces: tuple[str, ...] = ("generator", "reasoner")
    """Which server: a Generator is vLLM-Omni, a Reasoner vLLM, also where one image has both."""
    containers: tuple[str, ...] = ("server", "init")
    rank: int = 5
    """1 to 9. Of all causes in a text, the lowest number wins; of equals, the last line."""
    pattern: re.Pattern[str] | None = None
    """Found in one line. Its named groups are put into `what` and `remedy`."""
    unless: re.Pattern[str] | None = None
    """Not found in that line."""
    near: re.Pattern[str] | None = None
    """Found in one of the few lines around it."""
    exit_codes: tuple[int, ...] = ()
    """Instead of a pattern: how the container ended."""
    when: tuple[Fact, ...] = ()
    """All of them hold."""
    quote: re.Pattern[str] | None = None
    """The part of the line to show, where the rest is different each time."""
    what: str = ""
    """What happened: the end of a sentence that begins with how the container ended."""
    remedy: str = ""
    """What to do: whole sentences."""
    advice: str = ""
    """Name of a function of `advice` that says more, from the plan's figures."""
    lasting: bool = False
    """Another start will end the same way until somebody does something."""
    example: str = ""
    counter_examples: tuple[str, ...] = ()
    """Text that looks like it and is something else."""
    source: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which rules are about a container at all."""

    face: str
    """generator or reasoner."""
    container: str = "server"
    """server or init."""
    facts: frozenset[Fact] = frozenset()
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a text says about why a container ended."""

    rule: Rule | None
    """None if no rule knows the line."""
    rank: int
    """That of the rule; above 9 without one: a failure, mere words, or what only follows."""
    line: str
    """The telling line without what is around it in a log, "" if there is none."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Named groups of the rule's pattern."""
