"""The snapshots of flags: how they are written, compared, and what is committed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compat import snapshots
from compat.subjects import subjects

COMMITTED = sorted(snapshots.FOLDER.glob("*.json"))

FLAGS = {
    "--b": {"spellings": ["--b", "-b"], "takes": "one", "default": 1},
    "--a": {"takes": "none", "spellings": ["--a"]},
}
MADE = snapshots.make("vllm-omni", "1.2.3", FLAGS, {"--b": "Unknown 'b'"})


def test_one_flag_stands_in_one_line_and_all_are_sorted():
    assert snapshots.to_text(MADE).splitlines() == [
        "{",
        '  "engine": "vllm-omni",',
        '  "version": "1.2.3",',
        '  "flags": {',
        '    "--a": {"spellings": ["--a"], "takes": "none"},',
        '    "--b": {"default": 1, "spellings": ["--b", "-b"], "takes": "one"}',
        "  },",
        '  "refused_at_start": {',
        '    "--b": "Unknown \'b\'"',
        "  }",
        "}",
    ]


def test_the_text_is_the_snapshot():
    assert json.loads(snapshots.to_text(MADE)) == MADE
    plain = snapshots.make("vllm", "1.2.3", FLAGS, None)
    assert "refused_at_start" not in json.loads(snapshots.to_text(plain))


def test_differences_name_the_flags():
    flags = {"--a": FLAGS["--a"] | {"takes": "one"}, "--c": FLAGS["--a"]}
    newer = snapshots.make("vllm-omni", "1.2.3", flags, {"--b": "Unknown 'b'", "--c": "no"})
    assert snapshots.differences(MADE, MADE) == []
    assert snapshots.differences(MADE, newer) == [
        "flags: --a is changed",
        "flags: --b is gone",
        "flags: --c is new",
        "refused_at_start: --c is new",
    ]
    assert snapshots.differences(None, newer) == ["there is no snapshot"]


def test_there_is_a_snapshot_for_everything_that_is_tried_and_no_other():
    tried = {snapshots.path_of(subject.engine, subject.version) for subject in subjects()}
    assert set(COMMITTED) == tried


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_committed_snapshot_is_as_it_is_written(path: Path):
    text = path.read_text("utf-8")
    snapshot = json.loads(text)
    assert snapshots.to_text(snapshot) == text
    assert path == snapshots.path_of(snapshot["engine"], snapshot["version"])
    assert ("refused_at_start" in snapshot) == (snapshot["engine"] == "vllm-omni")


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_every_flag_is_described(path: Path):
    snapshot = json.loads(path.read_text("utf-8"))
    spelled = [s for described in snapshot["flags"].values() for s in described["spellings"]]
    assert len(spelled) == len(set(spelled))
    assert set(snapshot.get("refused_at_start", ())) <= set(spelled)
    for flag, described in snapshot["flags"].items():
        assert flag in described["spellings"]
        assert described["takes"] in ("none", "one", "optional", "many")
        assert described.keys() <= {"spellings", "takes", "choices", "default", "type"}


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_no_default_is_a_place_on_a_machine(path: Path):
    defaults = {
        flag: described.get("default")
        for flag, described in json.loads(path.read_text("utf-8"))["flags"].items()
    }
    places = {f: d for f, d in defaults.items() if isinstance(d, str) and d.startswith(("/", "~"))}
    assert places == {}
