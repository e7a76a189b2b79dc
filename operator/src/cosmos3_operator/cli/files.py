"""Resources from files, as kubectl reads them: YAML or JSON, several documents, `-`, folders.

In: what `-f` names. Out: documents, each with its origin. Text that is no YAML raises `Unreadable`
with line and column; so does a key that is written twice, of which one would silently win.

Unreadable   (a click exception: one line on stderr, exit code 2)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml

from cosmos3_operator.api.resource import GROUP, Kind

F = TypeVar("F", bound=Callable[..., Any])

SUFFIXES = (".yaml", ".yml", ".json")


class Unreadable(click.ClickException):
    """The input is no YAML, or holds nothing that could be worked on."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Document:
    """One object of a file."""

    origin: str
    """The file, `-` for standard input."""
    body: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Kind and name, e.g. `CosmosGenerator/super`."""
        metadata = self.body.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        return f"{self.body.get('kind') or '(no kind)'}/{name or '(no name)'}"

    @property
    def ours(self) -> bool:
        """Whether the object is meant for this operator."""
        group = str(self.body.get("apiVersion") or "").partition("/")[0]
        return group == GROUP or self.body.get("kind") in set(Kind)


def file_option(command: F) -> F:
    """Add `-f`, to be given once or more."""
    return click.option(
        "-f",
        "--filename",
        "filenames",
        multiple=True,
        required=True,
        metavar="FILE",
        help="YAML or JSON file, a folder of them, or - for standard input; repeatable.",
    )(command)


def read_resources(filenames: Iterable[str]) -> tuple[Document, ...]:
    """Return the resources of this operator; others are named on stderr and left out."""
    found = tuple(read_documents(filenames))
    for document in found:
        if not document.ours:
            click.echo(f"{document.origin}: {document.label}: not a Cosmos kind, ignored", err=True)
    ours = tuple(document for document in found if document.ours)
    if not ours:
        raise Unreadable(f"no {' or '.join(Kind)} in {', '.join(filenames)}")
    return ours


def read_documents(filenames: Iterable[str]) -> Iterator[Document]:
    """Yield every object of the files, in order; a List yields its items."""
    for filename in filenames:
        for origin, text in _texts(filename):
            for number, data in enumerate(load_all(text, origin=origin), start=1):
                if data is not None:
                    yield from _objects(data, origin=origin, number=number)


def load_all(text: str, *, origin: str) -> Iterator[Any]:
    """Yield the documents of a YAML text."""
    try:
        yield from yaml.load_all(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(f"{origin}:{line}: {error.reason}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(_in_words(error, origin)) from error


def _texts(filename: str) -> Iterator[tuple[str, str]]:
    """Yield origin and text of what one `-f` names."""
    path = Path(filename)
    try:
        if filename == "-" or not path.is_dir():
            yield filename, read_text(filename)
            return
        paths = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES and p.is_file())
        if not paths:
            raise Unreadable(f"{filename}: no {', '.join(SUFFIXES)} file in this folder")
        yield from ((str(p), read_text(str(p))) for p in paths)
    except OSError as error:
        raise Unreadable(f"{filename}: {error.strerror}") from error


def read_text(filename: str) -> str:
    """Return the text of one file, `-` for standard input."""
    try:
        with click.open_file(filename, encoding="utf-8") as file:
            return str(file.read())
    except UnicodeDecodeError as error:
        raise Unreadable(f"{filename}: is no UTF-8 text") from error
    except OSError as error:
        raise Unreadable(f"{filename}: {error.strerror}") from error


def _objects(data: Any, *, origin: str, number: int) -> Iterator[Document]:
    if not isinstance(data, dict):
        raise Unreadable(f"{origin}: document {number} is no Kubernetes object")
    if data.get("kind") == "List" and isinstance(data.get("items"), list):
        for item in data["items"]:
            yield from _objects(item, origin=origin, number=number)
    else:
        yield Document(origin=origin, body=data)


def _in_words(error: Exception, origin: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    return f"{origin}{where}: {problem}"


class _Loader(yaml.SafeLoader):
    """YAML as the API server understands it: unique keys that are texts, and no dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the class it is derived from
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the signature of the class it is derived from
        """Return a mapping with texts as keys."""
        found = super().construct_mapping(node, deep=deep)
        return {_key(key): value for key, value in found.items()}

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse doubled keys, before merge keys (`<<`) bring in theirs."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.composer.ComposerError(
                        problem=f"the key '{key.value}' is written twice",
                        problem_mark=key.start_mark,
                    )
                seen.add(key.value)
        return node


def _key(key: Hashable) -> Hashable:
    if isinstance(key, bool):
        return str(key).lower()
    return str(key) if isinstance(key, int | float) else key
