"""A control plane of its own: these tests replace and delete CRDs, which every other test needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import api as bed
from support.api import Api
from support.helm import Helm
from support.kubectl import Kubectl
from support.site import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster with nothing on it but simulated nodes."""
    folder = tmp_path_factory.mktemp("site")
    cluster = bed.up(folder / "cluster")
    api = Api(cluster.kubeconfig)
    try:
        yield Site(
            helm=Helm(home=folder, kubeconfig=cluster.kubeconfig),
            kubectl=Kubectl(cluster.kubeconfig),
            api=api,
            folder=folder,
        )
    finally:
        api.close()
        bed.down(folder / "cluster")


@pytest.fixture(scope="module")
def clean_site(site: Site) -> Iterator[Site]:
    """The same cluster for one module, which leaves it as it found it."""
    yield site
    site.clear()


@pytest.fixture
def fresh_site(site: Site) -> Iterator[Site]:
    """The same cluster for one test, which leaves it as it found it."""
    yield site
    site.clear()


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for charts of the tests' own making."""
    return tmp_path_factory.mktemp("charts")
