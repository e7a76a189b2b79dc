"""What the GPU probe says becomes a finding, and what it does not say does not."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.probes import gpu
from cosmos3_operator.status.devices import PROBE, device_finding
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.reports import report_in
from unit.plan import specs

PLAN = specs.generator()
SOURCE = (resources.files("cosmos3_operator.probes") / "gpu.py").read_text("utf-8")
REASONS = set(re.findall(r'"((?:[A-Z][a-z]+){2,})"', SOURCE)) - {"DevicesReady"}


def finding_of(message: str, *, stalled: bool = False) -> Finding | None:
    return device_finding(PLAN, {"exitCode": 1, "message": message}, node="n", stalled=stalled)


def line(**parts: str) -> str:
    return json.dumps({"probe": "gpu", "reason": "TooFewDevices", "message": "words", **parts})


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_of_the_probe_is_understood(reason: str) -> None:
    report = gpu.Report()
    found = finding_of(gpu.line_of(report, reason=reason, message="what it saw"))
    assert found is not None
    assert found.reason == Reason(reason)
    assert found.message.startswith("On node n, ")
    assert found.message.endswith(": what it saw")
    assert found.remedy


def test_all_reasons_were_found() -> None:
    assert len(REASONS) == 7


@pytest.mark.parametrize(
    "message",
    [
        "",
        "\n",
        "null",
        "[]",
        "3",
        '"TooFewDevices"',
        '{"reason": "TooFewDevices"}',
        line()[:-1],
        line() + "\nKilled",
        line(probe="hub"),
        line(reason="DevicesReady"),
        line(reason="Serving"),
        line(reason="SomethingNewer"),
    ],
)
def test_anything_else_is_not(message: str) -> None:
    assert finding_of(message) is None


def test_what_the_log_holds_before_the_line_does_not_matter() -> None:
    found = finding_of(f"a warning\n{line()}\n\n")
    assert found is not None
    assert found.reason is Reason.TOO_FEW_DEVICES


@pytest.mark.parametrize("stalled", [True, False])
def test_stalled_is_for_the_caller_to_say(stalled: bool) -> None:
    found = finding_of(line(), stalled=stalled)
    assert found is not None
    assert found.stalled is stalled


def test_a_long_message_is_cut() -> None:
    found = finding_of(line(message="x" * 5000))
    assert found is not None
    assert "x" * 1000 in found.message
    assert "x" * 1001 not in found.message


def test_a_line_that_was_cut_to_fit_is_still_a_line() -> None:
    report = gpu.Report(notes=["n" * 400] * 9)
    text = gpu.line_of(report, reason="DeviceBroken", message="m" * 5000)
    assert report_in(text, probe=PROBE)["reason"] == "DeviceBroken"
