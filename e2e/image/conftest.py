"""The operator's image, unpacked, and a control plane for it to work on.

`make image-test` builds the image first; COSMOS3_IMAGE names another one in buildah's storage.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import api as bed
from cosmos3_operator import __version__
from support.api import Api
from support.container import Image, unpacked

BUILT = f"localhost/cosmos3-operator:{__version__}"


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The image under test."""
    missing = [program for program in ("buildah", "runc") if shutil.which(program) is None]
    assert os.geteuid() == 0, "these tests unpack an image and enter it: run them as root"
    assert not missing, f"these tests need {missing}; 'make image-test' says how to get them"
    with unpacked(os.environ.get("COSMOS3_IMAGE", BUILT)) as found:
        yield found


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane with simulated GPU nodes and our CRDs."""
    folder = tmp_path_factory.mktemp("bed") / "cluster"
    started = bed.up(folder)
    crds = str(Path(__file__).resolve().parents[2] / "crds")
    try:
        started.kubectl("apply", "--server-side", "-f", crds)
        started.kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", crds)
        yield started
    finally:
        bed.down(folder)


@pytest.fixture(scope="session")
def api(cluster: bed.Cluster) -> Iterator[Api]:
    """An observer of the cluster that shares no code with the operator."""
    found = Api(cluster.kubeconfig)
    yield found
    found.close()
