"""Tiny weights under the names of real repositories, as a Hugging Face cache holds them.

In: a model's name, the revision that is asked for, the folder that is HF_HOME. Out: a cache in
which the model is found without a network. The files are built once for each shape; a server gets
links to them.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bed import locks
from bed.progress import Say, Ticker, clock, to_stderr
from compat import environments, recipes
from servers.checkpoints import Shape, shape_of
from servers.errors import ServerError
from servers.folders import HERE, INSIDE, cache_root

BUILDER = "0.30.0"
"""The vLLM-Omni whose environment has torch, diffusers and transformers to build weights with."""
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What has to be in a cache so that one revision of a model is found."""

    link: str
    """Path below the cache that leads to the files."""
    references: Mapping[str, str]
    """Text files that turn a name, such as main, into a commit."""


def layout(model: str, *, revision: str, commit: str) -> Layout:
    """Return the layout for a revision that is a branch, a tag or a commit of its own."""
    folder = f"hub/models--{model.replace('/', '--')}"
    if _COMMIT.fullmatch(revision):
        return Layout(link=f"{folder}/snapshots/{revision}", references={})
    return Layout(
        link=f"{folder}/snapshots/{commit}", references={f"{folder}/refs/{revision}": commit}
    )


def commit_of(shape: Shape) -> str:
    """Return what stands for the commit: another one for each shape and each builder."""
    sources = [path.read_text("utf-8") for path in sorted((INSIDE / "tiny").glob("*.py"))]
    text = json.dumps([shape.as_dict(), sources])
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def place(model: str, *, revision: str, hf_home: Path, say: Say = to_stderr) -> None:
    """Put a repository of the Hub into a cache."""
    files = build(shape_of(model), say)
    wanted = layout(model, revision=revision, commit=files.name)
    link = hf_home / wanted.link
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(files)
    for name, commit in wanted.references.items():
        (hf_home / name).parent.mkdir(parents=True, exist_ok=True)
        (hf_home / name).write_text(commit)


def build(shape: Shape, say: Say = to_stderr) -> Path:
    """Return a folder with the weights of a shape; the first time it takes seconds."""
    folder = cache_root() / "weights" / commit_of(shape)
    with locks.exclusive(folder.parent / ".lock", lambda: say("waiting for weights")):
        if not folder.is_dir():
            _build(shape, folder, say)
    return folder


def _build(shape: Shape, folder: Path, say: Say) -> None:
    unfinished = folder.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    recipe = recipes.recipe_for("vllm-omni", BUILDER)
    with (
        environments.borrow(recipe.name) as environment,
        Ticker(lambda: "building tiny weights") as ticker,
    ):
        _run(environment.python, unfinished, shape)
    unfinished.rename(folder)
    say(f"built tiny weights in {clock(ticker.elapsed)} ({folder})")


def _run(python: Path, folder: Path, shape: Shape) -> None:
    done = subprocess.run(
        [python, "-m", "servers.inside.tiny", folder, json.dumps(shape.as_dict())],
        env={"PYTHONPATH": str(HERE.parent), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"tiny weights could not be built:\n{done.stdout[-4000:]}")
