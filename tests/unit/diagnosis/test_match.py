"""How the telling line is found, and how much work that is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from re import _constants, _parser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos3_operator.diagnosis.load import rules
from cosmos3_operator.diagnosis.match import AFTER_SERVING, tell
from cosmos3_operator.diagnosis.text import MAX_LINE, QUOTED, lines_of, steady, words_of
from cosmos3_operator.diagnosis.types import Fact, Rule, Scope, Told
from unit.diagnosis.logs import AFTER, BEFORE, TRACE
from unit.plan import specs  # noqa: F401 - its profile: a busy machine is no reason to fail

GENERATOR = Scope(face="generator", facts=frozenset({Fact.NO_TOKEN, Fact.ONLINE, Fact.NO_OFFLOAD}))
OOM = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 96.00 MiB. GPU 0 has a total "
    "capacity of 79.18 GiB of which 51.06 MiB is free."
)
UP = "INFO:     Application startup complete."
PROBE = 'INFO:     10.0.0.7:51234 - "GET /health HTTP/1.1" 200 OK'
DIED = (
    "ERROR 11-24 10:02:12 [multiproc_executor.py:480] Diffusion worker(s) died unexpectedly: "
    "['DiffusionWorker-0(exitcode=None)']"
)


def told(text: str, scope: Scope = GENERATOR) -> Told | None:
    return tell(text, rules=rules(), scope=scope)


def rule_of(text: str) -> str | None:
    found = told(text)
    return found.rule.name if found and found.rule else None


def line_of(text: str) -> str:
    found = told(text)
    return found.line if found else ""


def test_a_cause_wins_over_what_follows_from_it() -> None:
    remote = (
        "torch.distributed.DistBackendError: NCCL error in: x.cpp:1, remote process exited or "
        "there was a network error, NCCL version 2.28.9"
    )
    assert rule_of("\n".join([OOM, *TRACE * 60, remote, DIED])) == "gpu-out-of-memory"
    assert rule_of("\n".join([DIED, remote, OOM])) == "gpu-out-of-memory"


def test_of_equals_the_last_one_wins() -> None:
    found = told(OOM + "\n" + OOM.replace("GPU 0", "GPU 3"))
    assert found is not None
    assert found.values["device"] == "3"


def test_what_was_overcome_before_the_server_was_up_does_not_count() -> None:
    assert rule_of("\n".join([OOM, UP, PROBE, DIED])) == "worker-died"
    assert rule_of("\n".join([UP, PROBE, OOM, DIED])) == "gpu-out-of-memory"


def test_what_a_request_met_with_long_ago_did_not_end_it() -> None:
    log = [UP, OOM, *[PROBE] * AFTER_SERVING, DIED]
    assert rule_of("\n".join(log)) == "worker-died"


def test_a_progress_bar_does_not_hide_what_is_behind_it() -> None:
    bar = "\rLoading:  50%|█████     | 1/2\rLoading: 100%|██████████| 2/2\r"
    assert line_of(bar + OOM).startswith("torch.OutOfMemoryError")


def test_colours_and_prefixes_are_no_part_of_what_is_quoted() -> None:
    printed = "\x1b[1;36m(EngineCore pid=304)\x1b[0;0m ERROR 08-10 16:16:12 [core.py:683] "
    assert line_of(f"{printed}LookupError: no such thing") == "LookupError: no such thing"


@pytest.mark.parametrize(
    "line",
    [
        "(Worker_TP0 pid=123) ValueError: words",
        "(EngineCore_DP0 pid=1) (Worker pid=2) ERROR 01-02 03:04:05 [a/b.py:6] ValueError: words",
        "ERROR 11-24 10:02:12 [multiproc_executor.py:420] ValueError: words",
        "[Stage-0] ERROR 11-24 10:02:12 [x.py:1] ValueError: words",
        "[rank0]: ValueError: words",
        "2026-11-24 10:00:00,123 ValueError: words",
        "INFO:     ValueError: words",
    ],
)
def test_words_without_what_stands_before_them(line: str) -> None:
    assert words_of(line) == "ValueError: words"


def test_an_unknown_failure_is_told_by_its_exception_and_not_by_the_last_line() -> None:
    text = "\n".join([*BEFORE, *TRACE, "mypackage.errors.OddError: odd", *AFTER["generator"]])
    assert line_of(text) == "mypackage.errors.OddError: odd"
    assert rule_of(text) is None


def test_without_an_exception_the_last_line_of_a_bad_level_tells() -> None:
    text = f"ERROR 11-24 10:02:12 [x.py:1] it is broken\nINFO 11-24 10:02:13 [x.py:2] bye\n{PROBE}"
    assert line_of(text) == "it is broken"


def test_without_either_the_last_words_tell() -> None:
    assert line_of(f"first\nexec: vllm: not found\n\n{PROBE}\n") == "exec: vllm: not found"


def test_only_a_consequence_is_better_than_nothing() -> None:
    assert (
        line_of("\n".join(AFTER["generator"]))
        == "RuntimeError: Orchestrator initialization failed:"
    )
    assert told("") is None
    assert told("\n \r\n") is None


def test_the_prompt_of_a_blocked_request_is_never_quoted() -> None:
    blocked = (
        "CRITICAL 11-24 10:02:12 [g.py:1] Prompt blocked by censorship: Censored Prompt: a secret"
    )
    assert "secret" not in line_of(f"LookupError: x\n{blocked}")
    assert told(blocked) is None


def test_the_quoted_part_of_a_long_line_is_around_the_match() -> None:
    long = "x" * 900 + " No space left on device " + "y" * 900
    line = line_of(long)
    assert "No space left on device" in line
    assert len(line) <= QUOTED + 2
    assert line.startswith("…")


def test_what_is_quoted_is_the_same_each_time() -> None:
    one = "GatedRepoError: 401 Client Error. (Request ID: Root=1-6a5c1f;0d1c)"
    other = "GatedRepoError: 401 Client Error. (Request ID: Root=1-ffffff;9999)"
    assert steady(one) == steady(other)
    free = OOM.replace("51.06 MiB is free.", "11.06 MiB is free. Process 77 has 79.12 GiB in use.")
    assert line_of(OOM) == line_of(free)


def test_a_line_in_the_middle_of_which_the_text_was_cut_is_still_read() -> None:
    assert rule_of(OOM[15:]) == "gpu-out-of-memory"


@given(st.text(max_size=2000), st.integers(-5, 260))
def test_any_text_is_read(text: str, exit_code: int) -> None:
    found = told(text, replace(GENERATOR, exit_code=exit_code))
    assert found is None or len(found.line) <= QUOTED + 2


@given(st.lists(st.sampled_from([*BEFORE, *TRACE, *AFTER["generator"]]), max_size=40))
def test_noise_alone_is_no_cause(lines: list[str]) -> None:
    assert rule_of("\n".join(lines)) is None


@given(st.data())
def test_the_cause_is_found_wherever_it_stands(data: st.DataObject) -> None:
    noise = st.lists(st.sampled_from([*BEFORE, *TRACE]), max_size=30)
    before, after = data.draw(noise), data.draw(noise)
    assert rule_of("\n".join([*before, OOM, *after, *AFTER["generator"]])) == "gpu-out-of-memory"


def test_long_lines_are_cut() -> None:
    assert max(map(len, lines_of("x" * 1_000_000))) == MAX_LINE


class Counting:
    """A pattern that counts how much text it is given."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.given = 0

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        self.given += len(text)
        return self.pattern.finditer(text)


def work(size: int) -> int:
    counters: list[Counting] = []

    def counted(rule: Rule) -> Rule:
        if rule.pattern is None:
            return rule
        counters.append(Counting(rule.pattern))
        return replace(rule, pattern=counters[-1])  # type: ignore[arg-type]

    text = "\n".join([*BEFORE, *TRACE] * (size // 1000))
    tell(text, rules=[counted(rule) for rule in rules()], scope=GENERATOR)
    return sum(counter.given for counter in counters) // max(1, len(text))


def test_twice_the_text_is_twice_the_work() -> None:
    """Each pattern reads the text once, those of consequences only where no cause is known."""
    assert work(10_000) == work(80_000) <= len(rules())


def repeats(tree: Any, depth: int = 0) -> Iterator[int]:
    """Yield how deep each repetition of a parsed pattern lies within others."""
    for kind, argument in tree:
        inner = depth
        if kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and argument[1] > 1:
            yield depth
            inner = depth + 1
        for part in argument if isinstance(argument, (tuple, list)) else ():
            for tree_ in part if isinstance(part, list) else [part]:
                if isinstance(tree_, _parser.SubPattern):
                    yield from repeats(tree_, inner)


@pytest.mark.parametrize("rule", [rule for rule in rules() if rule.pattern], ids=lambda r: r.name)
def test_no_pattern_repeats_a_repetition(rule: Rule) -> None:
    patterns = [p for p in (rule.pattern, rule.unless, rule.near, rule.quote) if p]
    for pattern in patterns:
        assert max(repeats(_parser.parse(pattern.pattern)), default=0) == 0


def test_the_check_of_patterns_would_find_one() -> None:
    assert max(repeats(_parser.parse(r"(?:a+)+b"))) == 1
    assert max(repeats(_parser.parse(r"a+b{2}"))) == 0


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "Access to model a/b",
            "Error while ",
            "/",
            "nccl",
            "lib",
            "libx.so",
            "'",
            "1",
            " ",
            "a/",
        ),
        *(
            "NCCL error",
            "ConnectError",
            "No space left",
            "Value error, ",
            "[",
            "(APIServer pid=1) ",
        ),
        "CUDA out of memory. Tried to allocate 1 GiB.",
        "Stage 0 requires 2 device(s) based on parallel_config, but ",
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_worst_text_is_read_to_its_end(piece: str, end: str) -> None:
    """A pattern that looked back over what it has read would not get there within the limit."""
    told((piece + end) * (524_288 // len(piece + end)))
