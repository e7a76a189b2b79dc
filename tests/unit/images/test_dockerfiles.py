"""What must hold in our Dockerfiles, and, for each rule, a change that breaks it."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from support.dockerfile import Stage, ignore_patterns, ignored, stages
from support.repository import ROOT, tracked

DOCKERFILES = sorted((ROOT / "images").glob("*/Dockerfile"))
EXACT_TAG = re.compile(r"v?\d+\.\d+\.\d+([.+-].*)?")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
INSTALLS = re.compile(r"(?<![\w.-])pip3?\b.*\s(install|download|wheel)\s")
AT_A_COMMIT = re.compile(r"\bgit\+https://\S+@[0-9a-f]{40}(#\S+)?")
CONFIDENTIAL = re.compile(r"\b\w*(INDEX_URL|TOKEN|PASSWORD|SECRET|API_KEY|PROXY)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Build:
    """A Dockerfile and what its build gets to see."""

    image: str
    text: str
    ignore: str
    files: tuple[str, ...]

    @property
    def stages(self) -> list[Stage]:
        """The stages, the image's own last."""
        return stages(self.text)


FILES = tuple(str(path.relative_to(ROOT)) for path in tracked())
IGNORE = (ROOT / ".dockerignore").read_text("utf-8")
BUILDS = {
    path.parent.name: Build(
        image=path.parent.name, text=path.read_text("utf-8"), ignore=IGNORE, files=FILES
    )
    for path in DOCKERFILES
}


def moving_bases(build: Build) -> list[str]:
    """Bases that can be another image tomorrow."""
    found = []
    names = {"scratch"}
    for stage in build.stages:
        name, _, digest = stage.base.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        exact = EXACT_TAG.fullmatch(tag) and (not digest or DIGEST.fullmatch(digest))
        if stage.base not in names and not exact:
            found.append(f"FROM {stage.base}: no tag with a whole version")
        names.add(stage.name)
    return found


def downloads_by_add(build: Build) -> list[str]:
    """ADD of what nobody has checked."""
    return [
        f"line {add.line}: ADD {add.value}"
        for stage in build.stages
        for add in stage.of("ADD")
        if re.search(r"\w://|git@", add.value)
    ]


def shells_around_the_program(build: Build) -> list[str]:
    """Commands that a shell would start, and so keep signals from."""
    return [
        f"line {found.line}: {found.word} {found.value}"
        for word in ("ENTRYPOINT", "CMD")
        for found in build.stages[-1].of(word)
        if not found.exec_form
    ]


def unlocked_packages(build: Build) -> list[str]:
    """Packages that neither a hash nor a commit nails down."""
    return [
        f"line {run.line}: {command.strip()}"
        for stage in build.stages
        for run in stage.of("RUN")
        for command in re.split(r"&&|\|\||;|\n", run.value)
        if INSTALLS.search(f" {command} ")
        and not {"--require-hashes", "--no-index"} & set(command.split())
        and not AT_A_COMMIT.search(command)
    ]


def secrets_in_the_history(build: Build) -> list[str]:
    """Arguments and variables that would keep an address with its password, or a token."""
    return [
        f"line {found.line}: {found.word} {found.value}"
        for stage in build.stages
        for found in (*stage.of("ARG"), *stage.of("ENV"))
        if CONFIDENTIAL.search(found.value)
    ]


def absent_sources(build: Build) -> list[str]:
    """What is copied or mounted from the context and is not in it."""
    patterns = ignore_patterns(build.ignore)
    context = [file for file in build.files if not ignored(file, patterns)]
    return [
        f"line {line}: {source}"
        for stage in build.stages
        for line, source in _sources(stage)
        if not any(_names(source, file) for file in context)
    ]


def _sources(stage: Stage) -> list[tuple[int, str]]:
    copied = [
        (copy.line, source)
        for copy in (*stage.of("COPY"), *stage.of("ADD"))
        if not copy.flag("from") and "<<" not in copy.value
        for source in copy.words[:-1]
    ]
    mounts = [
        (run.line, dict(option.partition("=")[::2] for option in mount.split(",")))
        for run in stage.of("RUN")
        for mount in run.flag("mount")
    ]
    mounted = [
        (line, mount.get("source", mount.get("src", ".")))
        for line, mount in mounts
        if mount.get("type") == "bind" and "from" not in mount
    ]
    return copied + mounted


def _names(source: str, file: str) -> bool:
    source = source.removeprefix("./").rstrip("/")
    return source in ("", ".") or fnmatch.fnmatch(file, source) or file.startswith(f"{source}/")


def user_with_rights(build: Build) -> list[str]:
    """A final user that is root, or that Kubernetes cannot see is not root."""
    users = build.stages[-1].of("USER")
    if not users:
        return ["no USER: root"]
    uid = users[-1].value.partition(":")[0]
    return [] if uid.isdecimal() and int(uid) > 0 else [f"line {users[-1].line}: USER {uid}"]


def wrong_labels(build: Build) -> list[str]:
    """A version that is not the project's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    want = f'org.opencontainers.image.version="{project["version"]}"'
    labels = " ".join(label.value for label in build.stages[-1].of("LABEL"))
    return [] if want in labels else [f"no {want}"]


Rule = Callable[[Build], list[str]]

EVERYWHERE: list[Rule] = [
    moving_bases,
    downloads_by_add,
    shells_around_the_program,
    unlocked_packages,
    secrets_in_the_history,
    absent_sources,
]
OPERATOR: list[Rule] = [user_with_rights, wrong_labels]


def test_there_are_dockerfiles() -> None:
    assert {"generator", "operator", "reasoner"} <= set(BUILDS)


@pytest.mark.parametrize("rule", EVERYWHERE)
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS.keys())
def test_rule_for_every_image(build: Build, rule: Rule) -> None:
    assert rule(build) == []


@pytest.mark.parametrize("rule", OPERATOR)
def test_rule_for_the_operator(rule: Rule) -> None:
    assert rule(BUILDS["operator"]) == []


def test_the_operator_starts_its_own_program_and_nothing_else() -> None:
    (entrypoint,) = BUILDS["operator"].stages[-1].of("ENTRYPOINT")
    assert entrypoint.words == ["/opt/cosmos3-operator/bin/cosmos3-operator"]


MUTATIONS: list[tuple[Rule, str, str, str]] = [
    (moving_bases, "operator", "python:3.13.14-slim", "python:3.13-slim"),
    (moving_bases, "operator", ":3.13.14-slim-trixie", ":latest"),
    (moving_bases, "operator", ":3.13.14-slim-trixie", ""),
    (moving_bases, "operator", "=docker.io/library/python:3.13.14-slim-trixie", ""),
    (moving_bases, "generator", ":v0.26.0@sha256:5cba", ":v0.26.0@sha256:zzzz"),
    (moving_bases, "reasoner", "vllm-openai:v0.19.1", "vllm-openai:nightly"),
    (moving_bases, "reasoner", "ARG CUDA=cu130", "ARG CUDA=cu999"),
    (downloads_by_add, "operator", "COPY pyproject.toml", "ADD https://example.invalid/x"),
    (downloads_by_add, "operator", "COPY pyproject.toml", "ADD git@example.invalid:x.git"),
    (shells_around_the_program, "operator", 'CMD ["run"]', "CMD run"),
    (
        shells_around_the_program,
        "operator",
        'ENTRYPOINT ["/opt/cosmos3-operator/bin/cosmos3-operator"]',
        "ENTRYPOINT /opt/cosmos3-operator/bin/cosmos3-operator",
    ),
    (unlocked_packages, "operator", "--require-hashes -r requirements/build.txt", "hatchling"),
    (unlocked_packages, "operator", "--no-compile --no-index", "--no-compile"),
    (unlocked_packages, "operator", "pip wheel --no-index", "pip wheel"),
    (unlocked_packages, "generator", "--require-hashes", "--quiet"),
    (unlocked_packages, "reasoner", "@058c8c046877f087e07b3472a76cac214f3ad39c", "@main"),
    (secrets_in_the_history, "operator", "ARG PIP_NO_INDEX=0", "ARG PIP_INDEX_URL"),
    (secrets_in_the_history, "operator", "USER=cosmos3", "USER=cosmos3 HF_TOKEN=x"),
    (absent_sources, "operator", "COPY operator/src", "COPY operator/source"),
    (absent_sources, "operator", "COPY requirements/build.txt", "COPY requirements/dev.txt"),
    (absent_sources, "generator", "source=images/generator/requirements.txt", "source=reqs.txt"),
    (user_with_rights, "operator", "USER 65532:65532", "USER cosmos3"),
    (user_with_rights, "operator", "USER 65532:65532", "USER 0:65532"),
    (user_with_rights, "operator", "USER 65532:65532", "# nobody"),
    (wrong_labels, "operator", "ARG VERSION=", "ARG VERSION=9"),
]


@pytest.mark.parametrize(
    ("rule", "image", "old", "new"),
    MUTATIONS,
    ids=[f"{rule.__name__}-{number}" for number, (rule, *_) in enumerate(MUTATIONS)],
)
def test_rule_sees_what_breaks_it(rule: Rule, image: str, old: str, new: str) -> None:
    build = BUILDS[image]
    assert old in build.text
    assert len(rule(replace(build, text=build.text.replace(old, new)))) >= 1


@pytest.mark.parametrize("line", ["!LICENSE", "!operator/src", "!requirements/build.txt"])
def test_a_source_that_is_ignored_is_seen(line: str) -> None:
    build = BUILDS["operator"]
    assert line in build.ignore.splitlines()
    assert absent_sources(replace(build, ignore=build.ignore.replace(f"{line}\n", ""))) != []


@pytest.mark.parametrize("file", ["README.md", "requirements/runtime.txt"])
def test_a_source_that_is_gone_is_seen(file: str) -> None:
    build = BUILDS["operator"]
    assert file in build.files
    left = tuple(name for name in build.files if name != file)
    assert absent_sources(replace(build, files=left)) != []


def test_every_rule_has_a_mutation() -> None:
    assert {rule for rule, *_ in MUTATIONS} == {*EVERYWHERE, *OPERATOR}


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".git/config", ".venv/bin/python", ".cluster/kubeconfig", "tests/conftest.py"),
        *("requirements/dev.txt", "operator/README.md", "kubeconfig.yaml"),
        *("operator/src/cosmos3_operator/__pycache__/x.cpython-313.pyc", "images/x/y.pyo"),
    ],
)
def test_what_no_image_needs_stays_out_of_the_context(path: str) -> None:
    assert ignored(path, ignore_patterns(IGNORE))


@pytest.mark.parametrize("path", ["LICENSE", "operator/src/cosmos3_operator/api/base.py"])
def test_what_an_image_needs_is_in_the_context(path: str) -> None:
    assert path in FILES
    assert not ignored(path, ignore_patterns(IGNORE))
