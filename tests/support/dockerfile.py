"""Dockerfiles and .dockerignore as data, read as builders read them.

In: their text. Out: stages of instructions with the defaults of arguments filled in, and which
paths a build gets to see. Only what our own files use is understood: no escape directive.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_REFERENCE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction; `value` has its continuation lines joined and its flags taken off."""

    line: int
    word: str
    flags: tuple[str, ...]
    value: str

    @property
    def words(self) -> list[str]:
        """The value as words, whichever form it has."""
        return [str(word) for word in json.loads(self.value)] if self.exec_form else self._split()

    @property
    def exec_form(self) -> bool:
        """Whether it is a JSON array, for which no shell is started."""
        return self.value.startswith("[")

    def flag(self, name: str) -> list[str]:
        """Every value of a flag such as `--from`."""
        return [flag.partition("=")[2] for flag in self.flags if flag.startswith(f"--{name}=")]

    def _split(self) -> list[str]:
        return shlex.split(self.value.partition("<<")[0])


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One FROM and what follows it."""

    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def of(self, word: str) -> list[Instruction]:
        """The stage's instructions of one kind, in order."""
        return [found for found in self.instructions if found.word == word]


def stages(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile, with the defaults of arguments filled in."""
    defaults: dict[str, str] = {}
    found: list[Stage] = []
    scope: dict[str, str] = {}
    for raw in instructions(text):
        if raw.word == "FROM":
            scope = {}
            base, *alias = fill(raw.value, defaults).split()
            found.append(Stage(base=base, name=alias[-1] if alias else "", instructions=()))
            continue
        known = scope if found else defaults
        filled = Instruction(
            line=raw.line,
            word=raw.word,
            flags=tuple(fill(flag, known) for flag in raw.flags),
            value=fill(raw.value, known),
        )
        if raw.word == "ARG":
            name, given, default = filled.value.partition("=")
            known[name] = default if given else defaults.get(name, "")
        if found:
            last = found[-1]
            found[-1] = Stage(
                base=last.base, name=last.name, instructions=(*last.instructions, filled)
            )
    return found


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile as they are written."""
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        joined = line
        while joined.endswith("\\"):
            _, following = next(lines)
            if not following.lstrip().startswith("#"):
                joined = joined[:-1] + following
        for end in _HEREDOC.findall(joined):
            for _, following in lines:
                joined += f"\n{following}"
                if following.strip() == end:
                    break
        word, _, rest = joined.strip().partition(" ")
        flags, value = _flags(rest.strip())
        yield Instruction(line=number, word=word.upper(), flags=flags, value=value)


def _flags(rest: str) -> tuple[tuple[str, ...], str]:
    flags = []
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        flags.append(flag)
        rest = rest.strip()
    return tuple(flags), rest


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of references; an unknown one without default stays as it is."""

    def replace(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        return values.get(name) or (match[0] if match[2] is None else match[2])

    return _REFERENCE.sub(replace, text)


def ignored(path: str, patterns: Sequence[str]) -> bool:
    """Return whether .dockerignore keeps a path out: the last pattern that meets it decides."""
    pure = PurePosixPath(path)
    candidates = [str(pure), *(str(parent) for parent in pure.parents if str(parent) != ".")]
    verdict = False
    for pattern in patterns:
        expression = _expression(pattern.lstrip("!").strip("/"))
        if any(expression.fullmatch(candidate) for candidate in candidates):
            verdict = not pattern.startswith("!")
    return verdict


def ignore_patterns(text: str) -> list[str]:
    """Return the patterns of a .dockerignore."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(
            known.get(part, part if part.startswith("[") else re.escape(part)) for part in parts
        )
    )
