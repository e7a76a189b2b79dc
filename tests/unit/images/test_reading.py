"""Dockerfiles and .dockerignore are read as builders read them: what the rules rest on."""

from __future__ import annotations

import pytest

from support.dockerfile import fill, ignore_patterns, ignored, stages

TEXT = """\
# A comment
ARG BASE=one:1.2.3
ARG TAG

FROM ${BASE} AS first
ARG FOLDER=/a
RUN --mount=type=bind,from=x,target=/x --network=none \\
    echo one \\
    # a comment between
    && echo ${FOLDER} $HOME
RUN <<EOF
pip install thing
EOF
COPY --from=other a b c/

from first
ARG BASE
LABEL base=${BASE}
LABEL folder=${FOLDER:-none}
CMD ["a", "b c"]
"""


def test_stages_have_bases_and_names() -> None:
    first, last = stages(TEXT)
    assert (first.base, first.name) == ("one:1.2.3", "first")
    assert (last.base, last.name) == ("first", "")


def test_lines_are_joined_and_comments_between_them_left_out() -> None:
    run = stages(TEXT)[0].of("RUN")[0]
    assert run.line == 7
    assert run.flags == ("--mount=type=bind,from=x,target=/x", "--network=none")
    assert run.flag("network") == ["none"]
    assert run.value.split() == ["echo", "one", "&&", "echo", "/a", "$HOME"]


def test_a_here_document_belongs_to_its_instruction() -> None:
    first = stages(TEXT)[0]
    assert [found.word for found in first.instructions] == ["ARG", "RUN", "RUN", "COPY"]
    assert "pip install thing" in first.of("RUN")[1].value


def test_an_argument_counts_in_its_stage_and_takes_its_default_from_above() -> None:
    last = stages(TEXT)[1]
    assert [label.value for label in last.of("LABEL")] == ["base=one:1.2.3", "folder=none"]


def test_words_come_from_either_form() -> None:
    first, last = stages(TEXT)
    assert last.of("CMD")[0].words == ["a", "b c"]
    assert first.of("COPY")[0].words == ["a", "b", "c/"]


def test_what_has_no_value_stays() -> None:
    assert fill("$A ${B} ${C:-c} ${C:-}", {"A": "a"}) == "a ${B} c "


@pytest.mark.parametrize(
    ("path", "out"),
    [
        *(("a", True), ("a/b", True), ("keep/x", False), ("keep/deep/x", False)),
        *(("keep/x.pyc", True), ("keep/__pycache__/x", True), ("x.pyc", True)),
        *(("docs/a.md", False), ("docs/b/c.md", True), ("docs/ab.md", True)),
    ],
)
def test_the_last_pattern_that_meets_a_path_decides(path: str, *, out: bool) -> None:
    patterns = ignore_patterns("# all\n*\n\n!keep\n!docs/?.md\n**/__pycache__\n**/*.py[cod]\n")
    assert patterns[0] == "*"
    assert ignored(path, patterns) is out
