"""What the probe said on real hardware, read by the code that makes a status of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.catalog.load import load
from cosmos3_operator.status.devices import device_finding
from probes.record import VARIANTS
from unit.plan import specs

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
ONE_GPU = {name for name, variant in VARIANTS.items() if variant.gpus == 1 and not variant.needs}


def variants(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8"))["variants"]
    return found


RUNS = [
    pytest.param(name, run, id=f"{file.stem}-{name}")
    for file in RECORDED
    for name, run in variants(file).items()
]


def test_there_are_records() -> None:
    assert RECORDED, "run tests/probes/record.py on a machine with a GPU"


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_record_is_complete(file: Path) -> None:
    found = variants(file).keys()
    assert found >= ONE_GPU
    assert found <= VARIANTS.keys()


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_it_ended_as_it_should(name: str, run: dict[str, Any]) -> None:
    reason = VARIANTS[name].reason
    assert run["line"]["reason"] == reason
    assert run["exit_code"] == (0 if reason == "DevicesReady" else 1)
    assert run["stderr"] == ""


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_it_left_the_kubelet_the_line_that_it_printed(name: str, run: dict[str, Any]) -> None:
    assert run["termination_message"] == run["stdout"].rstrip("\n")
    assert len(run["termination_message"].encode()) <= 4096


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_the_status_says_why(name: str, run: dict[str, Any]) -> None:
    ended = {"exitCode": run["exit_code"], "message": run["termination_message"]}
    finding = device_finding(specs.generator(), ended, node="gpu-0", stalled=False)
    if VARIANTS[name].reason in set(Reason):
        assert finding is not None
        assert finding.reason == VARIANTS[name].reason
        assert run["line"]["message"].rstrip(".") in finding.message
    else:
        assert finding is None


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_it_is_over_before_anybody_waits(name: str, run: dict[str, Any]) -> None:
    """The recorded machines: an init container takes a second or two, deep half a minute."""
    assert run["seconds"] < (30 if VARIANTS[name].deep else 2)


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_the_catalog_knows_these_gpus_as_the_driver_does(file: Path) -> None:
    (device, *_) = variants(file)["normal"]["line"]["devices"]
    (known,) = [gpu for gpu in load().gpus if gpu.product == device["name"].replace(" ", "-")]
    assert known.compute_capability == device["compute_capability"]
    assert 0.99 * known.memory_mib < device["memory_mib"] <= known.memory_mib


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_record_tells_no_machine_from_another(file: Path) -> None:
    text = file.read_text("utf-8")
    assert re.findall(r"GPU-[0-9a-f]{8}|\b\d+\.\d+\.\d+\.\d+\b", text) == []
