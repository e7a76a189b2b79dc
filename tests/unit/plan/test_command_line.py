"""Words are read as the servers' own parser reads them."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.catalog.flags import Flag, Flags, Takes
from cosmos3_operator.plan.command_line import is_flag, read


def flag(*spellings: str, takes: str = "one", **more: Any) -> Flag:
    fields = {"choices": (), "type": "", **more}
    return Flag(name=spellings[0], spellings=spellings, takes=Takes(takes), **fields)


KNOWN = (
    flag("--seed", type="int"),
    flag("--enforce-eager", "--no-enforce-eager", takes="none"),
    flag("--enable-lora", "--no-enable-lora", takes="none"),
    flag("--lora-modules", takes="many"),
    flag("--quantization", "-q"),
    flag("--compilation-config", "-cc"),
    flag("--optimization-level"),
    flag("--api-server-count", "-asc"),
)
FLAGS = Flags(
    label="vllm 1.0.0",
    by_spelling={spelling: item for item in KNOWN for spelling in item.spellings},
    refused_at_start={},
)


def shown(*words: str) -> list[tuple[int, str | None, tuple[str, ...]]]:
    return [(g.index, g.flag.name if g.flag else None, g.values) for g in read(words, FLAGS)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--seed", "7"), [(0, "--seed", ("7",))]),
        (("--seed=7",), [(0, "--seed", ("7",))]),
        (("--seed=",), [(0, "--seed", ("",))]),
        (("--seed", "-7"), [(0, "--seed", ("-7",))]),
        (("--seed", "-.5"), [(0, "--seed", ("-.5",))]),
        (("--seed", "-"), [(0, "--seed", ("-",))]),
        (("--enforce_eager",), [(0, "--enforce-eager", ())]),
        (
            ("--no-enforce-eager", "--seed", "7"),
            [(0, "--enforce-eager", ()), (1, "--seed", ("7",))],
        ),
        (("--lora-modules", "a=b", "c=d"), [(0, "--lora-modules", ("a=b", "c=d"))]),
        (("--seed", "my_value"), [(0, "--seed", ("my_value",))]),
        (("-q", "fp8"), [(0, "--quantization", ("fp8",))]),
        (("-qfp8",), [(0, "--quantization", ("fp8",))]),
        (("-q=fp8",), [(0, "--quantization", ("fp8",))]),
        (("-O3",), [(0, "--optimization-level", ("3",))]),
        (("-O=3",), [(0, "--optimization-level", ("3",))]),
        (("-O", "3"), [(0, "--optimization-level", ("3",))]),
        (("--compilation-config.mode", "3"), [(0, "--compilation-config", ("3",))]),
        (("--compilation_config.mode=3",), [(0, "--compilation-config", ("3",))]),
        (("-cc.mode", "3"), [(0, "--compilation-config", ("3",))]),
        (("--compilation-config.sizes+", "1,2"), [(0, "--compilation-config", ("1,2",))]),
        (("--compilation-config.sizes+=1,2",), [(0, "--compilation-config", ("1,2",))]),
        # A dotted key takes the next word, whatever it looks like.
        (("--compilation-config.x", "--seed"), [(0, "--compilation-config", ("--seed",))]),
        (("--quantization=a.b",), [(0, "--quantization", ("a.b",))]),
        (("--quant", "fp8"), [(0, "--quantization", ("fp8",))]),
        (("--nothing", "x"), [(0, None, ("x",))]),
        (("-x",), [(0, None, ())]),
        (("--", "x"), [(0, None, ("x",))]),
        ((), []),
    ],
)
def test_words(words: tuple[str, ...], expected: list[Any]):
    assert shown(*words) == expected


def test_a_beginning_that_several_flags_share_names_them():
    (given,) = read(["--en"], FLAGS)
    assert given.flag is None
    assert set(given.candidates) == {"--enforce-eager", "--enable-lora"}


@pytest.mark.parametrize(
    ("word", "abbreviated"),
    [("--see", True), ("--no-enf", True), ("--seed", False), ("--no-enforce_eager", False)],
)
def test_abbreviations_are_told_apart(word: str, *, abbreviated: bool):
    (given,) = read([word], FLAGS)
    assert given.flag
    assert given.abbreviated == abbreviated


@pytest.mark.parametrize("word", ["-O3", "-asc", "-q8", "-cc.mode=3"])
def test_short_forms_are_no_abbreviations(word: str):
    assert not [given for given in read([word], FLAGS) if given.abbreviated]


def test_only_flags_look_like_flags():
    assert list(map(is_flag, ["-a", "--a", "-1a", "--"])) == [True] * 4
    assert list(map(is_flag, ["a", "", "-", "-1", "-1.5", "-.5", "- a", "-a b"])) == [False] * 8
