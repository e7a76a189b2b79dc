"""The alerts under promtool: they parse, fire when they must and are silent when they must be."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from prom.binaries import promtool
from support.repository import ROOT

ALERTS = sorted((ROOT / "charts" / "cosmos3-operator" / "alerts").glob("*.yaml"))
CASES = Path(__file__).parent / "cases"


@pytest.fixture(scope="session")
def tool() -> Path:
    return promtool()


@pytest.mark.parametrize("file", ALERTS, ids=lambda path: path.stem)
def test_promtool_finds_nothing_wrong_with_the_rules(tool: Path, file: Path) -> None:
    done = _run(tool, "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", ALERTS, ids=lambda path: path.stem)
def test_every_alert_fires_and_is_silent_as_its_cases_say(
    tool: Path, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(_without_annotations(_read(file))))
    case = _read(CASES / file.name) | {"rule_files": ["rules.yaml"]}
    (tmp_path / "case.yaml").write_text(yaml.safe_dump(case))
    done = _run(tool, "test", "rules", tmp_path / "case.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", ALERTS, ids=lambda path: path.stem)
def test_a_case_that_expected_silence_of_what_fires_would_fail(
    tool: Path, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(_without_annotations(_read(file))))
    case = _read(CASES / file.name) | {"rule_files": ["rules.yaml"]}
    silent = {**case, "tests": [_silent(one) for one in case["tests"]]}
    (tmp_path / "case.yaml").write_text(yaml.safe_dump(silent))
    done = _run(tool, "test", "rules", tmp_path / "case.yaml")
    expected = sum(len(one["alert_rule_test"]) for one in silent["tests"])
    assert expected
    assert (done.stdout + done.stderr).count("alertname: ") == expected


@pytest.mark.parametrize("file", ALERTS, ids=lambda path: path.stem)
def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(file: Path) -> None:
    expectations = [
        (expected["alertname"], bool(expected.get("exp_alerts")))
        for case in _read(CASES / file.name)["tests"]
        for expected in case.get("alert_rule_test", [])
    ]
    names = {rule["alert"] for rule in _rules(file) if "alert" in rule}
    assert {name for name, fires in expectations if fires} == names
    assert {name for name, fires in expectations if not fires} == names


def _silent(case: Mapping[str, Any]) -> dict[str, Any]:
    """Expect silence of all that fires, and nothing else."""
    fires = [one for one in case.get("alert_rule_test", []) if one.get("exp_alerts")]
    return {**case, "alert_rule_test": [{**one, "exp_alerts": []} for one in fires]}


def _without_annotations(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the texts: promtool would ask each case to repeat them."""
    return {
        "groups": [
            {
                **group,
                "rules": [
                    {key: value for key, value in rule.items() if key != "annotations"}
                    for rule in group["rules"]
                ],
            }
            for group in rules["groups"]
        ]
    }


def _rules(file: Path) -> Iterator[dict[str, Any]]:
    for group in _read(file)["groups"]:
        yield from group["rules"]


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return found


def _run(tool: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool, *words], capture_output=True, text=True, check=False)
