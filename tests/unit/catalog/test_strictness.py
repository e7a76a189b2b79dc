"""A broken catalog file is refused with the file, the entry and the key."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
import yaml

from cosmos3_operator.catalog.load import CatalogError, parse

NAMES = ("checkpoints", "runtimes", "gpus", "benchmarks", "owned")


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    folder = files("cosmos3_operator.catalog")
    return {f"{n}.yaml": folder.joinpath(f"{n}.yaml").read_text("utf-8") for n in NAMES}


def broken(texts: dict[str, str], name: str, change: Callable[[Any], object]) -> dict[str, str]:
    data = yaml.safe_load(texts[name])
    change(data)
    return {**texts, name: yaml.safe_dump(data)}


CASES = [
    (
        "gpus.yaml",
        lambda d: d["gpus"][0].update(colour="green"),
        r"gpus\.yaml: gpus\[NVIDIA-A100-SXM4-80GB\]: unknown key colour",
    ),
    (
        "gpus.yaml",
        lambda d: d["gpus"][0].pop("source"),
        r"gpus\.yaml: gpus\[NVIDIA-A100-SXM4-80GB\]: missing key source",
    ),
    (
        "gpus.yaml",
        lambda d: d["gpus"][0].update(compute_capability=8.0),
        r"gpus\.yaml: .*compute_capability: expected str, found float",
    ),
    (
        "gpus.yaml",
        lambda d: d["gpus"].append(d["gpus"][0]),
        r"gpus\.yaml: gpus\[NVIDIA-A100-SXM4-80GB\]: appears twice",
    ),
    (
        "gpus.yaml",
        lambda d: d["gpus"].append("H100"),
        r"gpus\.yaml: gpus\[\d+\]: expected dict, found str",
    ),
    (
        "runtimes.yaml",
        lambda d: d["runtimes"][0]["guardrails_env"].update(A=1),
        r"runtimes\[vllm-omni cosmos3\]\.guardrails_env\.A: expected str, found int",
    ),
    (
        "runtimes.yaml",
        lambda d: d["runtimes"][0]["serving"].update(Painter={}),
        r"runtimes\.yaml: .*serving: 'Painter' is none of Generator, Reasoner",
    ),
    (
        "runtimes.yaml",
        lambda d: d["servers"]["vllm"]["shutdown"].update(timeout="Perhaps"),
        r"servers\.vllm\.shutdown\.timeout: 'Perhaps' is none of Obeyed, Ignored, Refused",
    ),
    (
        "runtimes.yaml",
        lambda d: d["containers"]["omni"].pop("user"),
        r"runtimes\.yaml: containers\.omni: missing key user",
    ),
    (
        "runtimes.yaml",
        lambda d: d["runtimes"][0]["known_bugs"][0].pop("avoided"),
        r"runtimes\[vllm-omni cosmos3\]\.known_bugs: missing key avoided",
    ),
    (
        "runtimes.yaml",
        lambda d: d["tags"][0].update(fate="Lost"),
        r"runtimes\.yaml: tags\[0\]\.fate: 'Lost' is none of Unpublished, Stale, Moves",
    ),
    (
        "runtimes.yaml",
        lambda d: d.update(extra=[]),
        r"runtimes\.yaml: unknown key extra",
    ),
    (
        "checkpoints.yaml",
        lambda d: d["checkpoints"][0]["surfaces"]["Reasoner"].update(default_gpus=True),
        r"nvidia/Cosmos3-Nano\]\.surfaces\.Reasoner\.default_gpus: expected int, found bool",
    ),
    (
        "checkpoints.yaml",
        lambda d: d["checkpoints"][0].update(family="mega"),
        "no family is called 'mega'",
    ),
    (
        "benchmarks.yaml",
        lambda d: d["speed"][3].pop("seconds"),
        r"benchmarks\.yaml: speed\[3\]: missing key seconds",
    ),
    (
        "owned.yaml",
        lambda d: d.pop("environment"),
        r"owned\.yaml: missing key environment",
    ),
]


@pytest.mark.parametrize(("name", "change", "message"), CASES)
def test_a_broken_file_is_refused(
    texts: dict[str, str], name: str, change: Callable[[Any], object], message: str
):
    with pytest.raises(CatalogError, match=message):
        parse(broken(texts, name, change))


def test_what_is_not_yaml_is_refused(texts: dict[str, str]):
    with pytest.raises(CatalogError, match=r"(?s)gpus\.yaml: .*line \d"):
        parse({**texts, "gpus.yaml": "gpus: ["})


def test_the_shipped_files_survive_the_round_trip(texts: dict[str, str]):
    for name in texts:
        assert parse(broken(texts, name, lambda _: None)) == parse(texts)
