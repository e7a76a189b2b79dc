"""Helm, for every test of the chart."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.helm import Helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster: it renders, lints and packages."""
    return Helm(home=tmp_path_factory.mktemp("helm"))


@pytest.fixture
def helm_on_cluster(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm on the cluster under test."""
    return Helm(home=tmp_path_factory.mktemp("helm"), kubeconfig=kubeconfig)
