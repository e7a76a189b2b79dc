"""Each rule about what Kubernetes says recognises its own example, and no other rule does."""

from __future__ import annotations

import string

import pytest

from cosmos3_operator.status.ranking import ranked
from cosmos3_operator.status.words import Rule, Said, rules, said

ALL = [(who, rule) for who, group in rules().items() for rule in group]
KNOWN = {
    "scheduler": {"gpus", "toleration", "taints"},
    "image": {"image", "advice"},
    "create": set(),
    "gpu": set(),
    "sandbox": {"node"},
    "mount": {"node"},
    "claim": {"claim"},
    "admission": set(),
    "ended_pod": {"node"},
}
"""What the caller of each group fills in beside the groups of the pattern."""


GENERAL = {
    "create": {"runtime"},
    "gpu": {"hook"},
    "sandbox": {"network", "sandbox"},
    "mount": {"attach", "mount"},
    "claim": {"provisioning"},
    "image": {"unreachable", "not-found"},
}
"""Rules that stand behind the others of their group, for what none of them knows."""


def each() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("who", "rule"), ALL, ids=[f"{w}-{r.name}" for w, r in ALL])


@each()
def test_its_example_is_recognised_first(who: str, rule: Rule) -> None:
    found = said(who, rule.example)
    assert found is not None
    assert found.rule.name == rule.name


@each()
def test_no_rule_after_it_and_none_before_it_knows_its_example(who: str, rule: Rule) -> None:
    others = {r.name for r in rules()[who] if r is not rule and r.pattern.search(rule.example)}
    assert others <= GENERAL.get(who, set())


@each()
def test_its_words_can_be_filled_in(who: str, rule: Rule) -> None:
    wanted = {
        name
        for text in (rule.message, rule.remedy)
        for _, name, _, _ in string.Formatter().parse(text)
        if name
    }
    assert wanted <= set(rule.pattern.groupindex) | KNOWN[who]


@each()
def test_it_says_what_to_do_and_where_its_text_is_from(who: str, rule: Rule) -> None:
    assert rule.source
    assert bool(rule.remedy) != (who == "gpu"), "devices have remedies of their own"
    assert not rule.message.endswith(".")
    assert not rule.remedy.endswith(".")


@each()
def test_its_finding_has_a_place_in_the_order(who: str, rule: Rule) -> None:
    found = said(who, rule.example)
    assert isinstance(found, Said)
    finding = found.finding(evidence=rule.example, **dict.fromkeys(KNOWN[who], "x"))
    assert ranked([finding], pods=1) == (finding,)
    assert "{" not in finding.message


def test_every_group_is_read_by_somebody() -> None:
    assert set(rules()) == set(KNOWN)


def test_names_are_unique_within_a_group() -> None:
    for group in rules().values():
        names = [rule.name for rule in group]
        assert len(names) == len(set(names))
