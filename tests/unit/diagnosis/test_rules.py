"""Each rule knows its example, and nothing that only looks like it."""

from __future__ import annotations

import re
import string

import pytest

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.diagnosis.advice import ADVICE, words_of
from cosmos3_operator.diagnosis.load import RulesError, read, rules
from cosmos3_operator.diagnosis.match import tell
from cosmos3_operator.diagnosis.types import Meaning, Rule
from unit.diagnosis.logs import interleaved, realistic, scope_of
from unit.plan import specs

RULES = rules()
CAUSES = [rule for rule in RULES if rule.meaning is Meaning.CAUSE]
PRINTED = [rule for rule in CAUSES if rule.pattern]
NO_CAUSE = [rule for rule in RULES if rule.meaning is not Meaning.CAUSE]
WORDS = {*words_of(specs.generator())}
PUBLIC = re.compile(r"/(?:work|root)/\w|localhost|runtimes\.md")
NEW = {
    Reason.GPU_OUT_OF_MEMORY,
    Reason.KV_CACHE_TOO_SMALL,
    Reason.NCCL_FAILED,
    Reason.DEEP_GEMM_UNAVAILABLE,
    Reason.MODEL_ARCHITECTURE_UNSUPPORTED,
    Reason.INVALID_ARGUMENT,
    Reason.PORT_IN_USE,
    Reason.SERVICE_LINK_CLASH,
    Reason.PACKAGE_MISSING,
    Reason.GUARDRAILS_NOT_FUNCTIONAL,
    Reason.XET_DOWNLOAD_FAILED,
    Reason.DISK_FULL,
    Reason.WEIGHTS_NOT_FOUND,
    Reason.WORKER_DIED,
    Reason.ENGINE_INIT_TIMEOUT,
}


def name(rule: Rule) -> str:
    return rule.name


def told(text: str, rule: Rule) -> str | None:
    found = tell(text, rules=RULES, scope=scope_of(rule))
    return found.rule.name if found and found.rule else None


@pytest.mark.parametrize("rule", PRINTED, ids=name)
def test_its_example_is_told_by_this_very_rule(rule: Rule) -> None:
    assert told(rule.example, rule) == rule.name


@pytest.mark.parametrize("rule", PRINTED, ids=name)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_its_example_wins_in_a_real_log(rule: Rule, seed: int) -> None:
    log = realistic(rule.example, face=rule.faces[0], seed=seed)
    assert len(log.splitlines()) > 380
    assert told(log, rule) == rule.name


@pytest.mark.parametrize("rule", PRINTED, ids=name)
def test_its_example_wins_among_other_processes(rule: Rule) -> None:
    assert told(interleaved(rule.example, face=rule.faces[0]), rule) == rule.name


@pytest.mark.parametrize("rule", PRINTED, ids=name)
def test_its_example_wins_where_the_text_was_cut_right_before_it(rule: Rule) -> None:
    log = "st_call(self, *args, **kwargs)\n" + rule.example + "\n\n"
    assert told(log.replace("\n", "\r\n"), rule) == rule.name


@pytest.mark.parametrize(
    ("rule", "text"),
    [(rule, text) for rule in RULES for text in rule.counter_examples],
    ids=lambda value: value.name if isinstance(value, Rule) else "",
)
def test_it_does_not_know_what_only_looks_like_it(rule: Rule, text: str) -> None:
    assert told(text, rule) != rule.name
    assert told(realistic(text, face=rule.faces[0]), rule) != rule.name


@pytest.mark.parametrize("rule", NO_CAUSE, ids=name)
def test_what_says_nothing_is_never_the_cause(rule: Rule) -> None:
    assert told(rule.example, rule) is None
    cause = "ZeroDivisionError: division by zero"
    found = tell(f"{cause}\n{rule.example}", rules=RULES, scope=scope_of(rule))
    assert found is not None
    assert found.line == cause


@pytest.mark.parametrize("rule", [rule for rule in CAUSES if rule.exit_codes], ids=name)
def test_an_exit_code_tells_where_no_text_does(rule: Rule) -> None:
    assert told("", rule) == rule.name
    assert told("INFO 11-24 10:00:00 [launcher.py:40] Route: /health", rule) == rule.name


@pytest.mark.parametrize("rule", CAUSES, ids=name)
def test_its_sentences_name_only_what_there_is(rule: Rule) -> None:
    groups = set(rule.pattern.groupindex) if rule.pattern else set()
    for text in (rule.what, rule.remedy):
        named = {field for _, field, _, _ in string.Formatter().parse(text) if field}
        assert named <= groups | WORDS
    assert not rule.advice or rule.advice in ADVICE
    assert rule.remedy or rule.advice
    assert not rule.what.endswith(".")
    assert not rule.remedy or rule.remedy.endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_it_says_where_its_words_are_from(rule: Rule) -> None:
    assert len(rule.source) > 8
    assert not PUBLIC.search(rule.source + rule.example)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.pattern], ids=name)
def test_its_pattern_stays_in_one_line(rule: Rule) -> None:
    assert rule.pattern is not None
    for match in rule.pattern.finditer(f"{rule.example}\n" * 3):
        assert "\n" not in match[0]


def test_every_reason_that_a_log_may_give_has_a_rule() -> None:
    assert {rule.reason for rule in CAUSES} >= NEW
    assert len(CAUSES) >= 100


def test_every_advice_is_used() -> None:
    assert set(ADVICE) == {rule.advice for rule in CAUSES if rule.advice}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "a", "colour": "red", "source": "s"}, "unknown keys"),
        ({"name": "a", "reason": "NoSuchReason", "source": "s"}, "NoSuchReason"),
        ({"name": "a", "meaning": "Benign", "pattern": "(", "source": "s"}, "a: "),
        ({"name": "a", "meaning": "Benign", "source": "s"}, "needs either"),
        ({"name": "a", "pattern": "x", "source": "s"}, "have a reason"),
        ({"name": "a", "reason": "DiskFull", "what": "w", "pattern": 5, "source": "s"}, "not text"),
    ],
)
def test_a_wrong_rule_is_refused_by_name(entry: dict[str, object], words: str) -> None:
    with pytest.raises(RulesError, match=words):
        read([entry])


def test_two_rules_cannot_share_a_name() -> None:
    entry = {"name": "a", "meaning": "Benign", "pattern": "x", "source": "s"}
    with pytest.raises(RulesError, match="two rules"):
        read([entry, entry])
