"""docs/runtimes.md shows the whole catalog: every runtime, fact and known bug."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Runtime

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "runtimes.md").read_text("utf-8")
RUNTIMES = {f"{r.engine} {r.name}": r for r in load().runtimes}


def test_every_runtime_has_a_section_and_a_line_in_the_summary() -> None:
    headings = [line[3:] for line in PAGE.splitlines() if line.startswith("## ")]
    assert [heading for heading in headings if heading in RUNTIMES] == list(RUNTIMES)
    assert all(PAGE.count(f"| [{title}](#") == 1 for title in RUNTIMES)


@pytest.mark.parametrize("title", RUNTIMES)
def test_a_section_says_all_that_is_known(title: str) -> None:
    runtime: Runtime = RUNTIMES[title]
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0].replace("\\|", "|")
    facts = [runtime.source, runtime.container.source, runtime.container.home, *runtime.args]
    for server in runtime.serving.values():
        facts += [server.init_timeout, server.source, server.shutdown.with_work]
        facts += [f"within {server.shutdown.idle_seconds} s", server.metrics.prefix]
    for bug in runtime.known_bugs:
        facts += [bug.when, bug.what, bug.avoided, bug.source]
    facts += [*runtime.cuda_tags.values(), runtime.digest]
    assert [fact for fact in facts if fact not in section] == []
