"""A user's own arguments: what the server would refuse is refused before a GPU is taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.catalog.flags import Flags
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Runtime, Surface
from cosmos3_operator.plan.extra_args import Judge, assumption, check_extra_args
from unit.plan import specs
from unit.plan.test_command_line import KNOWN, flag

GENERATOR = Surface.GENERATOR


def parser(version: str, *more: Any, refused: Mapping[str, str] | None = None) -> Flags:
    return Flags(
        label=f"vllm-omni {version}",
        by_spelling={spelling: item for item in (*KNOWN, *more) for spelling in item.spellings},
        refused_at_start=refused or {},
    )


PARSERS = {
    "one": parser(
        "0.28.0",
        flag("--backend", choices=("ray", "mp")),
        flag("--share", type="float"),
        flag("--config-json", type="json"),
        flag("--size", type="human_readable_int"),
        flag("--load-sharded", takes="optional"),
        flag("--max-num-seqs", type="int"),
        flag("--brand-new"),
        flag("--guard-mode"),
        refused={"--enable-lora": "Unknown diffusion config field(s): 'enable_lora'"},
    ),
    "other": parser("0.26.0"),
}


def runtime(*names: str, version: str = "0.28.0") -> Runtime:
    known = load().runtime(GENERATOR, version)
    assert known
    return dataclasses.replace(known, flags={GENERATOR: names})


def judge(*names: str, excuse: str = "", version: str = "0.28.0") -> Judge:
    catalog = dataclasses.replace(
        load(), runtimes=(runtime("one"), runtime("other", version="0.26.0"))
    )
    return Judge(
        catalog=catalog,
        surface=GENERATOR,
        runtime=runtime(*names, version=version),
        excuse=excuse,
        parser=PARSERS.__getitem__,
    )


def refused(*words: str, by: Judge | None = None) -> dict[str, str]:
    try:
        check_extra_args(words, by or judge("one"))
    except Invalid as error:
        return {found.path: found.message for found in error.errors}
    return {}


@pytest.mark.parametrize(
    ("words", "index", "expected"),
    [
        (["--no-such"], 0, ["'--no-such' is not a flag of vllm-omni 0.28.0", "leave it out"]),
        (["--seed", "7", "--sede", "7"], 2, ["'--sede'", "did you mean --seed?"]),
        (["--guardmode", "x"], 0, ["did you mean --guard-mode?"]),
        (["--guardrails"], 0, ["did you mean --no-guardrails (use spec.guardrails.mode)"]),
        (["--enable-lora"], 0, ['then exits with "Unknown diffusion', "version 0.26.0, where"]),
        (["--seed"], 0, ["'--seed' needs a value"]),
        (["--seed", "--enforce-eager"], 0, ["'--seed' needs a value"]),
        (["--seed", "7", "8"], 0, ["takes one value", "exits at '8'"]),
        (["--enforce-eager=true"], 0, ["takes no value", "exits at 'true'"]),
        (["--enforce-eager", "true"], 0, ["takes no value"]),
        (["--load-sharded", "a", "b"], 0, ["takes one value"]),
        (["--backend", "mpi"], 0, ["does not take 'mpi'", "use one of ray, mp"]),
        (["--seed", "x"], 0, ["does not take 'x'", "a whole number"]),
        (["--seed=1.5"], 0, ["a whole number"]),
        (["--share", "half"], 0, ["must be a number"]),
        (["--config-json", "{"], 0, ["must be JSON"]),
        (["--en"], 0, ["may mean --enable-lora, --enforce-eager", "in full"]),
        (["--max-num-seqs", "4"], 0, ["does not batch requests", "use 1, or leave it out"]),
        (["--seed", "7", "--compilation-config.x"], 2, ["needs a value"]),
        (["--enforce-eager.x"], 0, ["needs a value"]),
        (["--enforce-eager.x", "1"], 0, ["takes no value"]),
        (["--seed.x", "1"], 0, ["takes a plain value", "drop the dot"]),
        (["--backend.x=mp"], 0, ["takes a plain value"]),
        (["--size.x=1"], 0, ["takes a plain value"]),
        (["--lora-modules=a=b", "c=d"], 0, ["takes one value", "exits at 'c=d'"]),
        (["-O3", "4"], 0, ["takes one value"]),
    ],
)
def test_what_would_stop_the_server_is_refused(words: list[str], index: int, expected: list[str]):
    found = refused(*words)
    assert list(found) == [f"spec.extraArgs[{index}]"]
    assert [part for part in expected if part not in found[f"spec.extraArgs[{index}]"]] == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--seed", "-1", "--enforce_eager", "--no-enable-lora"],
        ["--lora-modules", "a=b", "c=d", "--quantization", "fp8"],
        ["--lora-modules"],
        ["--load-sharded", "--backend=mp"],
        ["--share", "1e-3", "--size", "2k", "--config-json", '{"a": 1}'],
        ["--compilation-config.a.b", "3", "-cc.sizes+=1,2", "-O3"],
        ["--seed=$(SEED)", "--backend", "$(BACKEND)"],
        ["--max-num-seqs", "1"],
        ["--config-json", "None", "--seed="],
    ],
)
def test_what_the_server_takes_is_taken(words: list[str]):
    assert check_extra_args(words, judge("one")) == ()


def test_every_mistake_is_reported_at_once():
    assert list(refused("--no-such", "--seed", "x", "--backend", "mpi")) == [
        "spec.extraArgs[0]",
        "spec.extraArgs[1]",
        "spec.extraArgs[3]",
    ]


def test_a_version_that_takes_it_is_named():
    old = judge("other", version="0.26.0")
    (message,) = refused("--brand-new", "x", by=old).values()
    assert "not a flag of vllm-omni 0.26.0" in message
    assert "or use spec.runtime.version 0.28.0, where it works" in message


def test_where_two_parsers_judge_both_must_agree():
    both = judge("other", "one", version="0.26.0")
    assert check_extra_args(["--seed", "7"], both) == ()
    assert "0.26.0" in refused("--brand-new", "x", by=both)["spec.extraArgs[0]"]
    message = refused("--enable-lora", by=both)["spec.extraArgs[0]"]
    assert "vllm-omni 0.26.0 (judged by vllm-omni 0.28.0)" in message


def test_a_build_of_ones_own_is_only_warned_about():
    (warning,) = check_extra_args(
        ["--no-such"], judge("one", excuse="spec.runtime.image may differ")
    )
    assert warning.startswith("extraArgs[0]: '--no-such' is not a flag of vllm-omni 0.28.0")
    assert warning.endswith("; spec.runtime.image may differ")


def test_an_abbreviation_works_today_and_is_warned_about():
    (warning,) = check_extra_args(["--see", "7"], judge("one"))
    assert "extraArgs[0]: '--see' is understood as --seed" in warning


def test_an_abbreviation_is_judged_like_the_whole_flag():
    assert "a whole number" in refused("--see", "x")["spec.extraArgs[0]"]
    assert "Unknown diffusion" in refused("--enable-lo")["spec.extraArgs[0]"]


def test_what_is_assumed_is_said_only_when_it_matters():
    assert assumption([], judge("other", "one")) == ()
    assert assumption(["--seed"], judge("one")) == ()
    (both,) = assumption(["--seed"], judge("other", "one"))
    assert "vllm-omni 0.26.0 and vllm-omni 0.28.0" in both
    (none,) = assumption(["--seed"], judge())
    assert "are not recorded" in none


def test_the_planner_asks():
    found = specs.refusal(specs.GENERATOR, model=specs.NANO, extraArgs=["--no-such-flag"])
    assert list(found) == ["spec.extraArgs[0]"]
    plan = specs.generator(runtime={"image": "example.com/omni:1"}, extraArgs=["--no-such-flag"])
    assert "--no-such-flag" in plan.args
    assert [w for w in plan.warnings if "--no-such-flag" in w]
