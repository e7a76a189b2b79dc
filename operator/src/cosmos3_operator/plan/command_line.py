"""A command line as the servers' own parser reads it.

In: words, and the arguments that one version knows. Out: which flag each word names and which
values follow it. The parser is Python's argparse, which also takes the beginning of a flag that no
other one shares, with what vLLM adds: underscores for dashes, dotted keys of JSON (`--a.b value`,
`--a.b+=x,y`) and `-O3`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from cosmos3_operator.catalog.flags import Flag, Flags, Takes

OPTIMISATION = "--optimization-level"
"""What `-O`, `-O3` and `-O=3` stand for."""

_NUMBER = re.compile(r"-\d+|-\d*\.\d+")


@dataclass(frozen=True, kw_only=True)
class Given:
    """One flag of a command line with its values."""

    index: int
    """Which word it is."""
    text: str
    """As it was written, without value."""
    flag: Flag | None
    """None if the server has none of that name."""
    candidates: tuple[str, ...] = ()
    """Where several flags begin so: which."""
    values: tuple[str, ...] = ()
    attached: bool = False
    """The first value is in the same word, and the server takes no more than that one."""
    dotted: bool = False
    """A part of a JSON value, which the server puts together."""

    @property
    def abbreviated(self) -> bool:
        """Whether the flag was recognised by its beginning only."""
        if self.flag is None or not self.text.startswith("--"):
            return False
        return spelled(self.text) not in self.flag.spellings


class _Head(NamedTuple):
    text: str
    value: str | None
    dotted: bool


def read(words: Sequence[str], flags: Flags) -> Iterator[Given]:
    """Yield the flags of a command line in order; words before the first one are left out."""
    starts = [i for i, word in enumerate(words) if is_flag(word)]
    # A dotted key takes the next word, whatever it looks like.
    taken = {i + 1 for i in starts if (head := _split(words[i])).dotted and head.value is None}
    starts = [i for i in starts if i not in taken]
    for start, end in pairwise([*starts, len(words)]):
        yield _given(start, words[start], tuple(words[start + 1 : end]), flags)


def is_flag(word: str) -> bool:
    """Whether a word can only be a flag: values begin otherwise, or are negative numbers."""
    return word.startswith("-") and word != "-" and not _NUMBER.fullmatch(word) and " " not in word


def spelled(text: str) -> str:
    """Return a flag as the parser looks it up."""
    return text.replace("_", "-") if text.startswith("--") else text


def _given(index: int, word: str, following: tuple[str, ...], flags: Flags) -> Given:
    if word.startswith("-O") and not word.startswith("-O."):
        return _optimisation(index, word, following, flags)
    head = _split(word)
    found = _lookup(spelled(head.text), flags)
    flag = found[0] if len(found) == 1 else None
    text, attached = head.text, () if head.value is None else (head.value,)
    if flag is None and not found and _one_letter(word, flags):
        text, attached, flag = word[:2], (word[2:],), flags.by_spelling[word[:2]]
    return Given(
        index=index,
        text=text,
        flag=flag,
        candidates=tuple(item.name for item in found) if flag is None else (),
        values=(*attached, *following),
        attached=bool(attached),
        dotted=head.dotted,
    )


def _split(word: str) -> _Head:
    text, equals, value = word.partition("=")
    key, dot, _ = text.partition(".")
    return _Head(key, value if equals else None, dotted=bool(dot))


def _lookup(text: str, flags: Flags) -> tuple[Flag, ...]:
    """Return the flag of that name, or else those that begin so."""
    if exact := flags.by_spelling.get(text):
        return (exact,)
    if not text.startswith("--") or text == "--":
        return ()
    begun = {flag.name: flag for name, flag in flags.by_spelling.items() if name.startswith(text)}
    return tuple(begun.values())


def _one_letter(word: str, flags: Flags) -> bool:
    """Whether a word is a flag of one letter with its value attached, such as -q8."""
    flag = flags.by_spelling.get(word[:2])
    return not word.startswith("--") and flag is not None and flag.takes is not Takes.NONE


def _optimisation(index: int, word: str, following: tuple[str, ...], flags: Flags) -> Given:
    attached = (level,) if (level := word[2:].removeprefix("=")) else ()
    flag = flags.by_spelling.get("-O") or flags.by_spelling.get(OPTIMISATION)
    return Given(
        index=index,
        text="-O",
        flag=flag,
        values=(*attached, *following),
        attached=bool(attached),
    )
