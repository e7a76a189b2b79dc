"""The table counts a command only where every version agrees, and nothing wrong stays unsaid."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from compat import report
from compat.ask import STEPS, Verdict, Words
from compat.commands import Claims, Command
from compat.subjects import Row, rows
from compat.trial import Judged, Result
from servers.trial import Outcome

ROW = next(row for row in rows() if len(row.subjects) == 2)
COMMANDS = [
    Command(
        origin=f"drawn {number}",
        runtime=ROW.runtime,
        surface=ROW.surface,
        words=Words(args=("a/b",)),
        claims=Claims(),
    )
    for number in range(3)
]
TAKEN = Verdict(passed=STEPS, error=None, resolved={})
STOPPED = Verdict(passed=STEPS[:1], error="ValueError: no", resolved={})


def result(at: int, *verdicts: Verdict, unseen: int = 0, stale: int = 0) -> Result:
    judged = [Judged(command=c, verdict=v) for c, v in zip(COMMANDS, verdicts, strict=True)]
    return Result(
        subject=ROW.subjects[at],
        judged=tuple(judged),
        controls=5,
        unseen=("a control",) * unseen,
        stale=("flags: --a is new",) * stale,
        snapshot={},
    )


def shown(row: Row, *results: Result) -> str:
    text = io.StringIO()
    console = Console(file=text, width=200)
    report.show(console, [row], {found.subject.name: found for found in results})
    return text.getvalue()


def cells(text: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if "bracketed" in line and "│" in line)
    return [cell.strip() for cell in line.strip("│").split("│")][3:]


def test_what_is_right_is_counted():
    text = shown(ROW, result(0, TAKEN, TAKEN, TAKEN), result(1, TAKEN, TAKEN, TAKEN))
    assert cells(text) == ["3", "3", "3", "3", "10 of 10", "fresh"]
    assert "✗" not in text


def test_a_command_counts_only_where_both_neighbours_agree():
    text = shown(ROW, result(0, TAKEN, STOPPED, TAKEN), result(1, STOPPED, TAKEN, TAKEN))
    assert cells(text)[:4] == ["3", "3", "1", "1"]
    first, second = (subject.name for subject in ROW.subjects)
    assert f"✗ {first}: {ROW.runtime.engine} {ROW.runtime.name}, drawn 1: not validated" in text
    assert f"✗ {second}: {ROW.runtime.engine} {ROW.runtime.name}, drawn 0: not validated" in text


def test_a_command_that_must_stop_the_server_counts_as_a_control():
    def stopping(verdict: Verdict) -> list[Result]:
        found = [result(at, TAKEN, TAKEN, verdict) for at in (0, 1)]
        last = replace(COMMANDS[2], claims=Claims(starts=False))
        return [
            replace(one, judged=(*one.judged[:2], replace(one.judged[2], command=last)))
            for one in found
        ]

    assert cells(shown(ROW, *stopping(STOPPED)))[:5] == ["2", "2", "2", "2", "12 of 12"]
    assert cells(shown(ROW, *stopping(TAKEN)))[:5] == ["2", "2", "2", "2", "10 of 12"]


def test_an_unseen_control_and_a_stale_snapshot_are_failures():
    bad = result(0, TAKEN, TAKEN, TAKEN, unseen=2, stale=1)
    text = shown(ROW, bad, result(1, TAKEN, TAKEN, TAKEN))
    assert cells(text)[4:] == ["8 of 10", "stale (1)"]
    assert len(bad.failures) == 3
    assert "the snapshot is stale: flags: --a is new" in text


def test_checks_of_a_server_stand_beside_the_commands_of_its_version():
    row = next(row for row in rows() if row.runtime.version == "0.32.0")
    nothing = Result(
        subject=row.subjects[0], judged=(), controls=0, unseen=(), stale=(), snapshot={}
    )
    tried = {subject.name: replace(nothing, subject=subject) for subject in row.subjects}
    outcomes = [
        Outcome(server="vllm 0.32.0", check=str(at), failed=at == 0, detail="", seconds=1.0)
        for at in range(3)
    ]
    text = io.StringIO()
    report.show(Console(file=text, width=200), [row], tried, outcomes)
    assert "2 of 3" in text.getvalue()
