"""What a pod is given to run does what the file does, and says less."""

from __future__ import annotations

import ast
from importlib import resources

import pytest

from cosmos3_operator.manifests.programs import program, stripped

PROGRAMS = ("gpu.py", "hub.py")


def code_of(source: str) -> str:
    """Return what Python makes of a source, texts that are statements left out."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and len(body) > 1:
            node.body = [one for one in body if not is_explanation(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def is_explanation(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_stays_the_same(name: str):
    whole = (resources.files("cosmos3_operator.probes") / name).read_text("utf-8")
    assert code_of(program(name)) == code_of(whole)
    assert len(program(name)) < 0.9 * len(whole)
    assert "\n\n\n" not in program(name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_explaining_a_program_changes_no_pod(name: str):
    whole = (resources.files("cosmos3_operator.probes") / name).read_text("utf-8")
    told = whole.replace('"""', '"""Told better. ', 1).replace("\ndef ", "\n# Told.\n\ndef ", 1)
    assert told != whole
    assert stripped(told) == stripped(whole)


def test_values_keep_their_lines():
    source = (
        'def f():\n    """Gone."""\n    # Gone.\n    return """# stays\n\n\n# stays"""  # stays\n'
    )
    assert stripped(source) == 'def f():\n    return """# stays\n\n\n# stays"""  # stays\n'


def test_a_body_is_never_left_empty():
    source = 'class Failed(Exception):\n    """A text is a body."""\n'
    assert stripped(source) == source
