"""No release restarts pods that serve without saying so in the changelog."""

from __future__ import annotations

from dataclasses import replace

import pytest

from golden.test_golden import CASES
from restarts.__main__ import CHANGELOG, how_to_announce, read
from restarts.ledger import (
    Ledger,
    brought_up_to_date,
    entries,
    noted_on,
    restarted,
    template_of,
    unannounced,
    upgraded,
)

CHANGES = """\
# Changelog
## Unreleased
### Restarts
- Generators with guardrails: the drain
  program waits longer.
- Reasoners on CUDA 12.
### Added
- A field.
## 0.1.0
### Restarts
- Everything.
"""


@pytest.fixture(scope="module")
def fresh() -> Ledger:
    """The ledger as it would be written now."""
    return brought_up_to_date(read(), CHANGELOG.read_text("utf-8"))


def test_no_pod_restarts_without_an_entry_in_the_changelog() -> None:
    cases = restarted(read())
    assert not cases, how_to_announce(cases)


def test_the_ledger_knows_every_case_and_every_entry(fresh: Ledger) -> None:
    assert read() == fresh, "run `make restarts`"
    assert set(fresh.cases) <= set(CASES)
    assert len(fresh.cases) > len(CASES) / 2


def test_a_changed_template_is_a_restart_and_a_changed_case_is_none(fresh: Ledger) -> None:
    case, line = next(iter(fresh.cases.items()))
    other = Ledger(cases={**fresh.cases, case: {**line, "template": "another"}})
    assert restarted(other) == [case]
    rewritten = Ledger(cases={case: {**line, "template": "another", "inputs": "others"}})
    assert restarted(rewritten) == []


def test_what_is_noted_on_the_deployment_is_kept() -> None:
    case = "cuda-auto-mixed"
    new = upgraded(case, None)
    assert new is not None
    decided = noted_on(new)
    notes = decided["metadata"]["annotations"]
    assert notes, "a case that lets the operator decide"
    assert template_of(upgraded(case, decided)) == template_of(new)


def test_entries_are_those_of_the_next_release_only() -> None:
    assert entries(CHANGES) == (
        "Generators with guardrails: the drain program waits longer.",
        "Reasoners on CUDA 12.",
    )
    assert entries(CHANGES.replace("## Unreleased", "## Unreleased\n## 0.2.0")) == ()
    assert entries("# Changelog\n") == ()


def test_one_entry_does_not_announce_the_next_restart(fresh: Ledger) -> None:
    assert unannounced(fresh, CHANGES) == list(entries(CHANGES))
    assert unannounced(replace(fresh, announced=entries(CHANGES)), CHANGES) == []
    more = CHANGES.replace("### Added", "- Another.\n### Added")
    assert unannounced(replace(fresh, announced=entries(CHANGES)), more) == ["Another."]
