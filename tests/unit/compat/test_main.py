"""Servers take minutes, so they are started where everything is asked for."""

from __future__ import annotations

import pytest

from compat.__main__ import _are_servers_wanted, _parser


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], True),
        (["--no-servers"], False),
        (["--only", "vllm-0.30.0"], False),
        (["--update"], False),
        (["--only", "vllm-0.30.0", "--servers"], True),
    ],
)
def test_servers_are_started_where_everything_is_asked_for(words: list[str], wanted: bool):
    assert _are_servers_wanted(_parser().parse_args(words)) is wanted
