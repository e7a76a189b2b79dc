"""Environments are there whole or not at all, and not removed under anybody's feet."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from compat.recipes import Recipe
from compat.store import Store

RECIPE = Recipe(name="vllm-1", versions={"vllm": "1"}, packages=("vllm==1",), overrides=("t==1",))
OTHER = replace(RECIPE, name="vllm-2", packages=("vllm==2",))
OTHER_TORCH = replace(RECIPE, name="vllm-3", overrides=("t==2",))


class Installer:
    """Stands in for uv: leaves a file, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.caches: list[Path | None] = []
        self.breaks = False

    def __call__(self, wanted: Recipe, folder: Path, cache: Path | None) -> None:
        self.asked.append(wanted.packages[0])
        self.caches.append(cache)
        (folder / "bin").mkdir(parents=True)
        if cache is not None:
            cache.mkdir(exist_ok=True)
        if self.breaks:
            raise KeyboardInterrupt
        (folder / "bin" / "python").touch()


@pytest.fixture
def installer() -> Installer:
    return Installer()


@pytest.fixture
def store(tmp_path: Path, installer: Installer) -> Store:
    return Store(root=tmp_path, install=installer, say=lambda text: None)


def test_what_is_there_is_not_built_again(store: Store, installer: Installer):
    assert store.ensure(RECIPE) == store.ensure(RECIPE)
    assert store.ensure(RECIPE).python.is_file()
    assert installer.asked == ["vllm==1"]


def test_what_was_interrupted_is_built_anew(store: Store, installer: Installer):
    installer.breaks = True
    with pytest.raises(KeyboardInterrupt):
        store.ensure(RECIPE)
    installer.breaks = False
    assert store.ensure(RECIPE).python.is_file()
    assert installer.asked == ["vllm==1", "vllm==1"]


def test_another_recipe_of_the_same_name_is_built_anew(store: Store, installer: Installer):
    store.ensure(RECIPE)
    store.ensure(replace(RECIPE, overrides=("t==3",)))
    store.ensure(replace(RECIPE, packages=("vllm==1.1",)))
    assert installer.asked == ["vllm==1", "vllm==1", "vllm==1.1"]


def test_what_is_not_kept_goes_after_the_block(store: Store, tmp_path: Path):
    with store.borrow(RECIPE, keep=False) as environment:
        assert environment.python.is_file()
    assert not environment.folder.exists()
    with pytest.raises(ZeroDivisionError), store.borrow(RECIPE, keep=False):
        raise ZeroDivisionError
    assert not environment.folder.exists()


def test_what_is_kept_stays(store: Store, installer: Installer):
    with store.borrow(RECIPE) as environment:
        pass
    assert environment.python.is_file()
    assert installer.caches == [None]


def test_a_cache_that_is_not_kept_serves_those_with_the_same_torch(
    store: Store, installer: Installer
):
    for recipe in (RECIPE, OTHER, OTHER_TORCH):
        with store.borrow(recipe, keep=False):
            pass
    first, second, third = installer.caches
    assert first is not None
    assert third is not None
    assert first == second != third
    assert (first.exists(), third.exists()) == (False, True)
    store.discard()
    assert not third.exists()


def test_a_borrowed_environment_is_removed_only_afterwards(tmp_path: Path, installer: Installer):
    waits = threading.Event()
    store = Store(root=tmp_path, install=installer, say=lambda text: waits.set())
    with store.borrow(RECIPE) as environment:
        remover = threading.Thread(target=store.remove, args=(RECIPE,))
        remover.start()
        assert waits.wait(timeout=30)
        assert environment.python.is_file()
    remover.join(timeout=30)
    assert not environment.folder.exists()
