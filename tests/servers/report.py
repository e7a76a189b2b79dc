"""What is shown: which substitutions did something, and how each check went."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bed.progress import clock
from servers.substitutions import Made
from servers.trial import Outcome

WIDTH = 140
"""Of a table where there is no terminal."""


def console() -> Console:
    """Return where tables go."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def made_table(made: Iterable[Made]) -> Table:
    """Return the substitutions that did something."""
    table = Table("As rendered", "As run here", "Why", box=None, title_justify="left")
    for one in made:
        table.add_row(escape(one.before), escape(one.after), escape(one.why))
    return table


def outcome_table(outcomes: Iterable[Outcome]) -> Table:
    """Return how each check went."""
    table = Table("Server", "Check", "", "Took", "Seen", box=None)
    for one in outcomes:
        word = "[red]failed[/]" if one.failed else "[green]ok[/]"
        seen = one.detail.partition("\n")[0]
        table.add_row(one.server, one.check, word, clock(one.seconds), escape(seen))
    return table
