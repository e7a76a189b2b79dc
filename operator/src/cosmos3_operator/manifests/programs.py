"""The programs that run inside pods, as they are passed to `python3 -c`.

In: a file of the room `probes`. Out: its source without docstrings and comments: shorter in what
people read of a pod, and a release that only explains a program better does not restart the models
whose pods hold it. It is cut by lines and never printed anew from a syntax tree, which would differ
from one Python to the next.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from importlib import resources


@cache
def program(name: str) -> str:
    """Return the source of a program, e.g. `gpu.py`, without what only people read."""
    return stripped((resources.files("cosmos3_operator.probes") / name).read_text("utf-8"))


def stripped(source: str) -> str:
    """Drop docstrings, lines of comment and repeated blank lines; values keep every line."""
    tree = ast.parse(source)
    explained = list(_explanations(tree))
    values = {line for node in _texts(tree) if node not in explained for line in _lines(node)}
    dropped = {line for node in explained for line in _lines(node)} | set(_comments(source))
    kept: list[str] = []
    for number, line in enumerate(source.splitlines(), start=1):
        is_repeated = not line.strip() and not (kept and kept[-1].strip())
        if number in values or not (number in dropped or is_repeated):
            kept.append(line)
    return "\n".join(kept) + "\n"


def _explanations(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield texts that are statements, unless a body would be left empty."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and len(body) > 1:
            values = (one.value for one in body if isinstance(one, ast.Expr))
            yield from (value for value in values if isinstance(value, ast.Constant))


def _texts(tree: ast.Module) -> Iterator[ast.expr]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr))


def _lines(node: ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _comments(source: str) -> Iterator[int]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            yield token.start[0]
