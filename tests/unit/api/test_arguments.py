"""Extra arguments: every way in which the servers' parser lets one name an owned flag."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import NoReturn

import pytest

from cosmos3_operator.api.arguments import argument_rules, flag_of, names
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import OwnedArgument, Surface

OWNED = (
    OwnedArgument(flag="--tensor-parallel-size", use="use spec.parallelism.tensor"),
    OwnedArgument(flag="-tp", use="use spec.parallelism.tensor"),
    OwnedArgument(flag="--no-guardrails", use="use spec.guardrails.mode"),
    OwnedArgument(flag="-n", use="not offered"),
)
RULES = argument_rules(Surface.GENERATOR, OWNED)


class AmbiguousError(Exception):
    """The parser cannot tell what an abbreviation means."""


class Parser(argparse.ArgumentParser):
    """One that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise AmbiguousError(message)


def refusals(*words: str) -> list[str]:
    spec = SimpleNamespace(extra_args=words)
    return [message for rule in RULES if (message := rule.violation(spec)) is not None]


@pytest.mark.parametrize(
    "word",
    [
        "--tensor-parallel-size",
        "--tensor-parallel-size=4",
        "--tensor_parallel_size",
        "--tensor_parallel-size=4",
        "--tensor-par",
        "--tensor",
        "--t",
        "--no-tensor-parallel-size",
        "--no_tensor_par",
        "--tensor-parallel-size.x",
        "-tp",
        "-tp=4",
        "-t",
        "-n",
        "-n4",
        "-n=4",
        "--no-guardrails",
        "--no-g",
        "--no",
        "--n",
        "--",
    ],
)
def test_owned_flags_are_recognised(word: str) -> None:
    assert any("which the operator owns" in message for message in refusals("--seed", word)), word


@pytest.mark.parametrize(
    "word",
    [
        "--tensor-parallel-size-x",
        "--seed",
        "--guardrails",
        "-q",
        "-O3",
        "-dcp",
        "4",
        "-1",
        "tensor-parallel-size",
        '{"tensor-parallel-size": 4}',
        "",
        "-",
    ],
)
def test_other_words_are_not(word: str) -> None:
    assert refusals("--seed", word) == []


def test_messages_name_argument_flag_and_way_out() -> None:
    assert refusals("--seed", "1", "--tensor_par=2") == [
        "must not contain '--tensor_par=2': it sets --tensor-parallel-size, which the operator "
        "owns; use spec.parallelism.tensor"
    ]


def test_one_message_for_each_way_out() -> None:
    found = refusals("-tp", "2", "--tensor-parallel-size=4", "--no-guardrails")
    assert [message.rpartition("; ")[2] for message in found] == [
        "use spec.parallelism.tensor",
        "use spec.guardrails.mode",
    ]
    assert "'-tp'" in found[0]


@pytest.mark.parametrize("word", ["nvidia/Cosmos3-Nano", "4", "", "-", "--", "---x", "-1"])
def test_the_first_word_is_a_flag(word: str) -> None:
    assert any("must begin with a flag" in message for message in refusals(word))


@pytest.mark.parametrize("word", ["--seed 1", "-q fp8", "--seed\t1", "--seed\n1", "-a b=c"])
def test_a_flag_and_its_value_are_two_items(word: str) -> None:
    assert any("two items" in message for message in refusals("--x", word))


@pytest.mark.parametrize("word", ["--chat-template=a b", "a b", '{"a": 1}'])
def test_values_may_hold_spaces(word: str) -> None:
    assert refusals("--x", word) == []


@pytest.mark.parametrize(
    ("word", "refused"), [("$(F)", True), ("--$(F)", True), ("--a=$(F)", False)]
)
def test_variables_name_no_flags(word: str, refused: bool) -> None:
    assert bool(refusals("--x", word)) == refused


def test_a_refused_word_with_a_line_break_keeps_the_message_on_one_line() -> None:
    (message,) = refusals("a\nb")
    assert message == (
        "must begin with a flag, not '<argument>': the model is named by spec.model, and the "
        "first word begins with '-'"
    )


@pytest.mark.parametrize("surface", Surface)
def test_nothing_that_argparse_resolves_to_an_owned_flag_gets_through(surface: Surface) -> None:
    """Python's own parser, which the servers use, decides what an abbreviation means."""
    owned = load().owned_arguments(surface)
    parser = Parser(add_help=False)
    flags = {item.flag for item in owned}
    for flag in flags:
        parser.add_argument(flag, nargs="?", dest=flag, default="unset")
    rules = argument_rules(surface)
    tried = 0
    for flag in flags:
        for length in range(2, len(flag) + 1):
            for word in (flag[:length], f"{flag[:length]}=7", f"{flag[:length]}7"):
                try:
                    found, _ = parser.parse_known_args([word])
                except AmbiguousError:
                    continue
                if all(value == "unset" for value in vars(found).values()):
                    continue
                tried += 1
                spec = SimpleNamespace(extra_args=(word,))
                assert any(rule.violation(spec) for rule in rules), word
    assert tried > 500


def test_flag_of() -> None:
    assert flag_of("--a_b.c=d_e") == "--a-b"
    assert flag_of("value") == ""
    assert not names("", "--model")
