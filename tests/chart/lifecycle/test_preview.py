"""`cosmos3-operator diff` foretells what an upgrade does to pods, and then it happens.

The recipe of the documentation is run with the code of a version to come; afterwards that version
is let at the models.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.account import account_kubeconfig
from support.doc_blocks import block, run_block
from support.helm import NAMESPACE, RELEASE
from support.next_operator import next_operator
from support.resources import TOKEN, generator, reasoner
from support.site import Site
from support.untouched import picture, pods
from support.waiting import eventually

pytestmark = pytest.mark.cluster

STUDIO = generator("studio", "shown", huggingFace=TOKEN)
READER = reasoner("reader", "shown", cache={"type": "Claim", "retention": "Retain"})
REFUSED = generator("refused", "shown", runtime={"version": "9.9.9"})


@pytest.fixture(scope="module")
def shown(clean_site: Site) -> Site:
    """Models that serve, and one that is refused."""
    site = clean_site
    site.install("--wait")
    site.api.namespace("shown")
    with site.operator():
        site.apply(STUDIO, READER, REFUSED)
        site.serving(STUDIO, READER)
    return site


def diff(site: Site, *, kubeconfig: Path | None = None, **environ: str) -> tuple[int, list[str]]:
    done = run_block(
        block("upgrading.md", "preview"),
        kubeconfig=kubeconfig or site.kubectl.kubeconfig,
        folder=site.folder,
        environ={"NEW_IMAGE": "registry.example.com/cosmos3-operator:next", **environ},
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_the_same_version_changes_nothing(shown: Site) -> None:
    before = picture(shown.api, "shown")
    code, lines = diff(shown)
    assert code == 1, "one resource is refused, which is worth a look"
    assert lines[0] == "CosmosGenerator shown/refused: pods stay"
    assert lines[1].startswith("    InvalidSpec: spec.runtime.version: '9.9.9' is not")
    assert lines[2:] == [
        "CosmosGenerator shown/studio: pods stay, nothing changes",
        "CosmosReasoner shown/reader: pods stay, nothing changes",
        "",
        "Pods of 0 of 3 resources would restart.",
    ]
    assert picture(shown.api, "shown") == before
    account = account_kubeconfig(
        shown.api,
        admin=shown.kubectl.kubeconfig,
        namespace=NAMESPACE,
        account=RELEASE,
        folder=shown.folder,
    )
    assert diff(shown, kubeconfig=account) == (code, lines), "the operator's own rights are enough"


def test_the_next_version_does_what_was_foretold(shown: Site, tmp_path: Path) -> None:
    environ = next_operator(tmp_path)
    before = pods(shown.api, "shown")
    _, lines = diff(shown, **environ)
    assert lines[0] == "CosmosGenerator shown/studio: pods RESTART"
    reader = lines.index("CosmosReasoner shown/reader: pods stay")
    assert lines[reader + 1 : reader + 2] == [
        "    Deployment reader-reasoner: spec.revisionHistoryLimit: 3 → 4"
    ]
    assert lines[-1] == "Pods of 1 of 3 resources would restart."
    assert pods(shown.api, "shown") == before, "nothing has happened yet"

    with shown.operator(resources=3, environ=environ):
        after = eventually(
            lambda: pods(shown.api, "shown"),
            lambda seen: len(seen) == 2 and seen != before,
            what="new pods",
        )
        shown.serving(STUDIO, READER)
    assert {name for name in before if after.get(name) == before[name]} == {
        name for name in before if name.startswith("Pod/reader-")
    }
