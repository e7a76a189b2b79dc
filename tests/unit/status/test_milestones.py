"""What recorded logs of starts say about how far they are."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from cosmos3_operator.api.resource import parse
from cosmos3_operator.catalog.load import CatalogError, load
from cosmos3_operator.catalog.startup import Phase, StartupLine, startup_lines, telling
from cosmos3_operator.catalog.startup import parse as parse_lines
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.milestones import furthest, milestone

RECORDED = Path(__file__).parent / "recorded"
"""vllm-*.txt: whole starts of tests/servers, trimmed. The bars are of the libraries themselves, as
they are drawn without a terminal, with files that a stand-in for the hub serves slowly."""

BED = Path(__file__).resolve().parents[2] / "bed" / "logs"


def recorded(name: str) -> str:
    # Carriage returns are what this is about.
    return (RECORDED / name).read_bytes().decode("utf-8")


def plan_of(kind: str = "CosmosGenerator", **spec: object) -> Plan:
    body = {
        "apiVersion": "serving.cosmos3.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "super", "namespace": "demo", "uid": "1", "generation": 1},
        "spec": {"model": "nvidia/Cosmos3-Super", **spec},
    }
    return make_plan(parse(body), Facts())


@pytest.mark.parametrize("line", startup_lines(), ids=lambda line: line.example[-40:])
def test_an_example_is_understood_as_the_phase_that_it_is_of(line: StartupLine) -> None:
    for engine in line.engines:
        assert milestone(engine, line.example).phase is line.phase
    assert set(line.engines) <= {runtime.engine for runtime in load().runtimes}


def test_a_line_that_does_not_find_its_example_is_refused() -> None:
    text = (
        "lines: [{phase: Loading, engines: [vllm], pattern: a, versions: '1', example: b,"
        " source: here}]"
    )
    with pytest.raises(CatalogError, match=r"startup\.yaml: 'a' does not find its own example"):
        parse_lines(text)


@pytest.mark.parametrize(
    ("name", "engine", "phases"),
    [
        (
            "vllm-omni-0.30.0.txt",
            "vllm-omni",
            [Phase.PREPARING, Phase.DOWNLOADING, Phase.LOADING, Phase.WARMING_UP],
        ),
        (
            "vllm-0.32.0.txt",
            "vllm",
            [Phase.PREPARING, Phase.DOWNLOADING, Phase.LOADING, Phase.WARMING_UP],
        ),
    ],
)
def test_a_real_start_goes_through_its_phases_in_order(
    name: str, engine: str, phases: list[Phase]
) -> None:
    lines = recorded(name).split("\n")
    seen = [milestone(engine, "\n".join(lines[:end])).phase for end in range(len(lines) + 1)]
    assert list(dict.fromkeys(seen)) == phases
    assert all(before.rank <= after.rank for before, after in pairwise(seen))


def test_the_last_state_of_a_bar_counts() -> None:
    log = recorded("vllm-shards-0.30.0.txt")
    states = re.findall(r"Completed \| (\d+)/8", log)
    assert len(states) > 8
    assert milestone("vllm", log).exactly == "8 of 8 shards"
    assert milestone("vllm", log[: log.index("3/8")] + "3/8 [00:01").exactly == "3 of 8 shards"


@pytest.mark.parametrize("version", ["1.33.0", "2.4.0"])
def test_files_beside_the_checkpoint_are_counted_in_a_bar_of_one_line(version: str) -> None:
    log = recorded(f"huggingface-hub-{version}.txt")
    assert log.count("\r") > 3
    part = log[: log.index("4/7") + len("4/7 ")]
    assert milestone("vllm-omni", part).exactly == "4 of 7 further files downloaded"


def test_a_bar_moves_in_at_most_six_steps() -> None:
    bars = [f"Loading safetensors checkpoint shards: | Completed | {n}/27 [" for n in range(28)]
    shown = [milestone("vllm", bar).coarsely for bar in bars]
    assert list(dict.fromkeys(shown)) == [f"{n} of 27 shards" for n in (0, 6, 12, 18, 24, 27)]


def test_a_line_without_a_figure_keeps_the_figure_of_its_phase() -> None:
    log = "Fetching 7 files:  57%|###  | 4/7 [00:01]\n[AsyncOmni] Initializing with model x"
    assert milestone("vllm-omni", log).exactly == "4 of 7 further files downloaded"


def test_an_engine_is_not_judged_by_the_lines_of_the_other() -> None:
    assert milestone("vllm", "Using model weights format ['*']").phase is Phase.PREPARING
    assert {line.phase for line, _ in telling("unknown")} == set()


@pytest.mark.parametrize(
    ("kind", "log", "words"),
    [
        ("CosmosGenerator", " \n", ""),
        ("CosmosGenerator", "hello\n", "its log shows neither a download nor loading"),
        (
            "CosmosGenerator",
            "Using model weights format ['*']",
            "it was downloading (up to 141.6 GiB)",
        ),
        (
            "CosmosReasoner",
            "Loading safetensors checkpoint shards:  11% Completed | 3/27 [00:01",
            "it was loading: 3 of 27 shards",
        ),
        (
            "CosmosReasoner",
            "Model loading took 61.5 GiB memory and 402.2 seconds",
            "it had loaded its weights and was warming up",
        ),
    ],
)
def test_furthest_says_how_far_a_run_came(kind: str, log: str, words: str) -> None:
    assert furthest(plan_of(kind), log) == words


def test_where_nothing_is_to_be_downloaded_nothing_was() -> None:
    offline = plan_of(huggingFace={"offline": True}, guardrails={"mode": "Disabled"})
    assert furthest(offline, "Using model weights format ['*']") == "it was loading"


@pytest.mark.parametrize(("name", "engine"), [("generator", "vllm-omni"), ("reasoner", "vllm")])
def test_the_starts_that_simulated_pods_show_have_every_phase(name: str, engine: str) -> None:
    lines = (BED / f"{name}-starts.log").read_text("utf-8").splitlines()
    seen = [milestone(engine, "\n".join(lines[:end])).phase for end in range(len(lines) + 1)]
    assert list(dict.fromkeys(seen)) == list(Phase)[Phase.PREPARING.rank :]


def test_no_pattern_can_run_away_on_a_long_line() -> None:
    assert [line.pattern for line in startup_lines() if ".*" in line.pattern] == []
