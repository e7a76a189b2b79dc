"""`cosmos3-operator explain`: what a reason means and what to do, without a browser."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator

import click

from cosmos3_operator.catalog.reasons import Group, ReasonPage, page, reasons
from cosmos3_operator.cli.runtimes import table

WIDTH = 90
"""Characters of a summary in the list."""


@click.command()
@click.argument("reason", required=False)
def explain(reason: str | None) -> None:
    """Explain the REASON of a condition: what it means, how the operator knows, what to do.

    Without one, list them all.
    """
    lines = _list() if reason is None else _page(_known(reason))
    for line in lines:
        click.echo(line)


def _known(asked: str) -> str:
    """Return the reason that is meant, however it is capitalised."""
    by_key = {name.lower(): name for name in reasons()}
    key = asked.strip().lower()
    if key in by_key:
        return by_key[key]
    near = [by_key[found] for found in _near(key, list(by_key))]
    hint = f"Did you mean {' or '.join(near)}?" if near else "Without a word, all are listed."
    raise click.BadParameter(f"no reason is called {asked!r}. {hint}", param_hint="REASON")


def _near(key: str, keys: list[str]) -> list[str]:
    within = [known for known in keys if len(key) > 2 and key in known]
    return within[:5] or difflib.get_close_matches(key, keys, n=3)


def _list() -> Iterator[str]:
    for group in Group:
        rows = [(f"  {name}", _first_sentence(found)) for name, found in _pages(group)]
        yield from (f"{group}:", *table(rows), "")


def _pages(group: Group) -> Iterator[tuple[str, ReasonPage]]:
    return ((name, page(name)) for name in reasons() if page(name).group is group)


def _first_sentence(found: ReasonPage) -> str:
    text = " ".join(found.meaning.split())
    return textwrap.shorten(re.split(r"[.:;] ", text)[0].rstrip("."), WIDTH, placeholder=" …")


def _page(name: str) -> Iterator[str]:
    found = page(name)
    yield f"{name} ({found.group}; {found.event} event; seen in {', '.join(found.seen_in)})"
    for title, text in (
        ("What it means", found.meaning),
        ("How the operator knows", found.evidence),
        ("What to do", found.remedy),
    ):
        yield from ("", f"{title}:", *(f"  {line}" for line in text.splitlines()))
