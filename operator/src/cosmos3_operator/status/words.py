"""What Kubernetes and container runtimes say, and what it means: rules as data.

In: a text, and who wrote it. Out: the rule that recognises it, with its message filled in. The
rules are in words.yaml, each with an example and the source of its text; the first match counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.reading import one_line


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that somebody may say."""

    name: str
    pattern: re.Pattern[str]
    reason: Reason
    message: str
    """What is the matter; {groups} of the pattern, and what the caller knows, are filled in."""
    remedy: str
    stalled: bool
    """Nothing will get better without somebody doing something."""
    example: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """A rule that has recognised a text."""

    rule: Rule
    groups: Mapping[str, str]

    def finding(self, *, evidence: str, pod: str = "", **known: str) -> Finding:
        """Return it as a finding."""
        values = {**known, **self.groups}
        return Finding(
            reason=self.rule.reason,
            message=self.rule.message.format_map(values),
            remedy=self.rule.remedy.format_map(values),
            evidence=one_line(evidence),
            pod=pod,
            stalled=self.rule.stalled,
        )


@cache
def rules() -> Mapping[str, tuple[Rule, ...]]:
    """Return all rules by who says it, in order."""
    text = (resources.files("cosmos3_operator.status") / "words.yaml").read_text("utf-8")
    return {who: tuple(map(_rule, items)) for who, items in yaml.safe_load(text).items()}


def said(who: str, text: str) -> Said | None:
    """Return the first rule that recognises the text, None if none does."""
    for rule in rules()[who]:
        if found := rule.pattern.search(text):
            groups = {name: value or "" for name, value in found.groupdict().items()}
            return Said(rule=rule, groups=groups)
    return None


def _rule(item: Mapping[str, Any]) -> Rule:
    return Rule(
        name=item["name"],
        pattern=re.compile(item["pattern"], re.DOTALL),
        reason=Reason(item["reason"]),
        message=item["message"].strip(),
        remedy=item["remedy"].strip(),
        stalled=item.get("stalled", False),
        example=item["example"],
        source=item["source"],
    )
