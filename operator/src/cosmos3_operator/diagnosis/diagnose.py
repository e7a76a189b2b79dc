"""Why a container ended, from its exit code and from what it printed.

In: the plan, how the container ended, its termination message and, where it could be read, the end
of its log. Out: `Diagnosis`. The termination message is the last 2 KiB of the log, which often hold
nothing but consequences; then, and where its cause is a weak one, the log decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.diagnosis.advice import ADVICE, Case, words_of
from cosmos3_operator.diagnosis.load import rules
from cosmos3_operator.diagnosis.match import tell
from cosmos3_operator.diagnosis.redact import redact
from cosmos3_operator.diagnosis.served import facts_of
from cosmos3_operator.diagnosis.types import Rule, Scope, Told
from cosmos3_operator.plan.types import Plan

SERVER, INIT = "server", "init"
WEAK_RANK = 8
"""From here on, a rule says what happened last rather than why."""
_SURE_RANK = 3


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is known about an end."""

    reason: Reason
    what: str
    """The end of a sentence that says how the container ended."""
    evidence: str = ""
    """The telling line, literally; "" where the exit code tells."""
    remedy: str = ""
    lasting: bool = False
    """Another start will end the same way until somebody does something."""
    is_weak: bool = False
    """It says what happened last, and something else may be behind it."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a container ended, and what it left behind."""

    exit_code: int | None
    termination_message: str = ""
    log: str = ""
    """The last lines that it printed, "" if they could not be read."""
    container: str = SERVER
    """server or init."""


def diagnose(plan: Plan, ended: Ended) -> Diagnosis | None:
    """Return why a container ended, None if no rule knows it."""
    told = _told(plan, ended)
    return _diagnosis(plan, told, told.rule) if told and told.rule else None


def best_line(plan: Plan, ended: Ended) -> str:
    """Return the line that is most likely to tell, "" if nothing was printed."""
    told = _told(plan, ended)
    return told.line if told else ""


def _told(plan: Plan, ended: Ended) -> Told | None:
    scope = Scope(
        face=plan.owner.component,
        container=ended.container,
        facts=facts_of(plan),
        exit_code=ended.exit_code,
    )
    first = tell(redact(ended.termination_message), rules=rules(), scope=scope)
    if not ended.log or (first and first.rank <= _SURE_RANK):
        return first
    second = tell(ended.log, rules=rules(), scope=scope)
    found = [told for told in (first, second) if told]
    return min(found, key=lambda told: told.rank, default=None)


def _diagnosis(plan: Plan, told: Told, rule: Rule) -> Diagnosis:
    words = _Words({**words_of(plan), **told.values})
    case = Case(plan=plan, values=told.values)
    remedy = [rule.remedy.format_map(words), ADVICE[rule.advice](case) if rule.advice else ""]
    return Diagnosis(
        reason=rule.reason or Reason.CONTAINER_FAILED,
        what=" ".join(rule.what.format_map(words).split()),
        evidence=redact(told.line),
        remedy=" ".join(filter(None, remedy)),
        lasting=rule.lasting,
        is_weak=rule.rank >= WEAK_RANK,
    )


class _Words(dict[str, str]):
    """What a sentence may name; what the text did not tell is left out."""

    def __init__(self, words: Mapping[str, str]) -> None:
        super().__init__(words)

    def __missing__(self, key: str) -> str:
        return ""
