"""From what a pod would run to what runs here: the table in substitutions.yaml, applied.

In: what the operator rendered, and the figures of one server. Out: the words, variables and files
to start it with, and which substitutions did something, to be shown. Pure, apart from reading the
table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Literal

import yaml

from cosmos3_operator.api.resource import Kind
from servers.folders import HERE
from servers.rendered import Rendered


@dataclass(frozen=True, kw_only=True)
class Substitution:
    """One line of the table."""

    change: Literal["argument", "variable", "text"]
    name: str
    becomes: str | None
    add: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class Made:
    """One substitution that did something."""

    before: str
    after: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is known of one server only."""

    port: int
    kv_cache_bytes: int
    host: str = "127.0.0.1"
    folders: Mapping[str, str]
    """Where the folder is that stands for a volume, by the path of its mount."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a server is started with, and how it came about."""

    args: tuple[str, ...]
    env: Mapping[str, str]
    files: Mapping[str, str]
    made: tuple[Made, ...]


@cache
def table(kind: Kind) -> tuple[Substitution, ...]:
    """Return the substitutions for a kind, in their order."""
    raw = yaml.safe_load((HERE / "substitutions.yaml").read_text("utf-8"))
    return tuple(Substitution(**entry) for entry in raw[kind.removeprefix("Cosmos")])


def substitute(rendered: Rendered, figures: Figures) -> Words:
    """Return the words for a server on the CPU."""
    work = _Work(rendered)
    for line in table(rendered.kind):
        value = line.becomes and line.becomes.format(
            host=figures.host, port=figures.port, kv_cache=figures.kv_cache_bytes
        )
        work.change(line, value)
    moved = _Moves(figures.folders)
    return Words(
        args=tuple(moved(word) for word in chain.from_iterable(work.args)),
        env={name: moved(value) for name, value in work.env.items()},
        files={moved(path): text for path, text in work.files.items()},
        made=(*work.made, *moved.made()),
    )


class _Work:
    """What was rendered, while the lines of the table change it."""

    def __init__(self, rendered: Rendered) -> None:
        self.args = _groups(rendered.args)
        self.env = dict(rendered.env)
        self.files = dict(rendered.files)
        self.made: list[Made] = []

    def change(self, line: Substitution, value: str | None) -> None:
        """Apply one line."""
        apply = {"argument": self._argument, "variable": self._variable, "text": self._text}
        apply[line.change](line, value)

    def _argument(self, line: Substitution, value: str | None) -> None:
        after = None if value is None else [line.name, value] if value else [line.name]
        at = [i for i, group in enumerate(self.args) if group[0].partition("=")[0] == line.name]
        if at:
            self._note(line, " ".join(self.args[at[-1]]), " ".join(after or []))
            for i in at:
                self.args[i] = after or []
            self.args = [group for group in self.args if group]
        elif line.add and after:
            self._note(line, "", " ".join(after))
            self.args.append(after)

    def _variable(self, line: Substitution, value: str | None) -> None:
        before = self.env.pop(line.name, None)
        if value is not None and (before is not None or line.add):
            self.env[line.name] = value
        after = self.env.get(line.name)
        self._note(line, _assignment(line.name, before), _assignment(line.name, after))

    def _text(self, line: Substitution, value: str | None) -> None:
        for path, text in self.files.items():
            if line.name in text:
                self.files[path] = text.replace(line.name, value or "")
                self._note(line, line.name, value or "")

    def _note(self, line: Substitution, before: str, after: str) -> None:
        if before != after:
            self.made.append(Made(before=before or "-", after=after or "-", why=line.why))


def _groups(args: Iterable[str]) -> list[list[str]]:
    """Split arguments into flags with their values; what comes before the first flag is alone."""
    groups: list[list[str]] = []
    for word in args:
        if word.startswith("--") or not groups:
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


def _assignment(name: str, value: str | None) -> str:
    return "" if value is None else f"{name}={value}"


class _Moves:
    """Says paths below a volume as they are here."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._folders = folders

    def __call__(self, word: str) -> str:
        """Return a word with its path, after a `=` if it is a flag, moved."""
        head, equals, path = word.partition("=") if word.startswith("--") else ("", "", word)
        for mount, folder in self._folders.items():
            if path == mount or path.startswith(f"{mount}/"):
                return f"{head}{equals}{folder}{path.removeprefix(mount)}"
        return word

    def made(self) -> Iterator[Made]:
        """Yield what to say of them."""
        for mount, folder in self._folders.items():
            yield Made(before=mount, after=folder, why="a folder of its own instead of a volume")
