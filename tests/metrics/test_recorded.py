"""What was recorded is what servers say: it parses, is of no machine and agrees with itself."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from cosmos3_operator.serve.metrics import Metrics
from metrics.names import declared, labels_of, metrics_of, recorded
from metrics.record import RECORDED
from prom.binaries import promtool

TEXTS = {path.stem: path.read_text("utf-8") for path in sorted(RECORDED.glob("*.txt"))}
REAL = {name: text for name, text in TEXTS.items() if not name.endswith(".names")}
REQUESTS = ("num_requests_running", "num_requests_waiting", "e2e_request_latency_s_count")


@pytest.fixture(scope="session")
def tool() -> Path:
    return promtool()


def _lint(tool: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", TEXTS)
def test_promtool_reads_it_and_objects_to_nothing_but_names_of_theirs(
    tool: Path, name: str
) -> None:
    done = _lint(tool, TEXTS[name])
    objections = (done.stdout + done.stderr).splitlines()
    assert [
        line
        for line in objections
        if not re.fullmatch(r"vllm\w*:\w+ (non-counter )?metric(s| names) should not .+", line)
    ] == []


def test_promtool_objects_to_nothing_of_the_operators_own(tool: Path) -> None:
    done = _lint(tool, asyncio.run(Metrics(version="0").render()).decode())
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", REAL)
def test_it_is_of_no_machine(name: str) -> None:
    assert re.findall(r"/(?:tmp|home|root|work|usr|opt)\b", REAL[name]) == []
    assert "process_start_time_seconds 1.7e+09\n" in REAL[name]
    assert "_created" not in REAL[name]


def test_both_prefixes_are_there_and_no_server_has_both() -> None:
    for name, names in recorded().items():
        if name.startswith("vllm-omni"):
            old, new = (
                {f"{prefix}{metric}" for metric in REQUESTS} <= names
                for prefix in ("vllm:omni_", "vllm_omni:")
            )
            assert (old, new) == (name.startswith("vllm-omni-0.22"), not old)


def test_only_servers_with_gauges_that_can_be_relied_on_have_the_mark_of_them() -> None:
    mark = "vllm_omni:request_queue_wait_s_count"
    have = {name for name, names in recorded().items() if mark in names}
    assert have == {"vllm-omni-0.28.0.names", "vllm-omni-0.30.0"}


def test_the_engine_calls_a_failed_job_a_success_and_http_does_not() -> None:
    """Why failures are read from HTTP: six requests were made of which one failed."""
    text = REAL["vllm-omni-0.30.0"]
    assert "requests_failed_total{" not in text
    assert re.search(r'requests_success_total\{finished_reason="stop",.*\} 6\.0', text)
    assert re.search(r'handler="/v1/videos/\{video_id\}",method="GET",status="5xx"\} 1\.0', text)


def test_the_wait_is_in_stage_in_queue_and_not_in_request_queue_wait() -> None:
    text = REAL["vllm-omni-0.30.0"]
    seconds = {
        metric: float(re.search(rf"vllm_omni:{metric}_sum\{{.*\}} (\S+)", text)[1])  # type: ignore[index]
        for metric in ("stage_in_queue_s", "request_queue_wait_s")
    }
    assert seconds["stage_in_queue_s"] > 1
    assert seconds["request_queue_wait_s"] < 0.1


def test_what_an_expression_reads_is_found() -> None:
    expr = (
        'sum by (a, b) (rate(x:y_total{c="d{e}", f!=""}[5m] offset 1h)) / on (g) group_left () '
        'max(z) > 0.5 and up or absent({h=~"i"})'
    )
    assert metrics_of(expr) == {"x:y_total", "z", "up"}
    assert labels_of(expr) == {"a", "b", "c", "f", "g", "h"}


def test_a_histogram_is_seen_under_three_names() -> None:
    text = "# HELP a b\n# TYPE a histogram\n# TYPE c_total counter\n"
    assert list(declared(text)) == ["a_bucket", "a_sum", "a_count", "c_total"]
