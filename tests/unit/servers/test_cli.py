"""The command for people: what it reads, and what it says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cosmos3_operator.api.resource import Kind
from servers.__main__ import read_resource
from servers.checks import REASONERS, generator_resource, reasoner_resource
from servers.errors import ServerError
from servers.folders import HERE
from servers.rendered import render_resource


@pytest.mark.parametrize("text", ["", "- a list", "key: [", None])
def test_a_file_without_a_resource_is_named(tmp_path: Path, text: str | None):
    file = tmp_path / "mine.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ServerError, match=r"mine\.yaml"):
        read_resource(file)


@pytest.mark.parametrize("kind", list(Kind))
def test_there_is_a_resource_for_each_surface(kind: Kind):
    surface = kind.removeprefix("Cosmos").lower()
    assert render_resource(read_resource(HERE / "resources" / f"{surface}.yaml")).kind is kind


def test_the_checks_serve_what_they_say():
    versions = [render_resource(reasoner_resource(version)).version for version in REASONERS]
    assert versions == list(REASONERS)
    for mode, word in (("Enabled", "true"), ("Disabled", "false")):
        (text,) = render_resource(generator_resource(guardrails=mode)).files.values()
        assert f"guardrails: {word}" in text


@pytest.mark.parametrize(
    ("words", "option"), [("SERVERS=no", " --no-servers"), ("SERVERS=yes", " --servers")]
)
def test_make_compat_is_told_whether_to_start_servers(words: str, option: str):
    done = subprocess.run(
        ["make", "--dry-run", "compat", words],
        cwd=HERE.parents[1],
        capture_output=True,
        check=True,
        text=True,
    )
    assert option in done.stdout
