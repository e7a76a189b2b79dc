"""Where weights are put so that huggingface_hub finds them offline."""

from __future__ import annotations

from servers.checkpoints import shape_of
from servers.weights import commit_of, layout
from unit.servers.samples import NANO, SUPER

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FOLDER = "hub/models--nvidia--Cosmos3-Nano"


def test_a_branch_is_a_reference_to_the_commit():
    found = layout(NANO, revision="main", commit=COMMIT)
    assert found.link == f"{FOLDER}/snapshots/{COMMIT}"
    assert found.references == {f"{FOLDER}/refs/main": COMMIT}


def test_a_commit_is_found_under_its_own_name():
    asked = COMMIT[::-1]
    found = layout(NANO, revision=asked, commit=COMMIT)
    assert (found.link, found.references) == (f"{FOLDER}/snapshots/{asked}", {})


def test_each_shape_has_a_commit_of_its_own():
    nano, super_ = commit_of(shape_of(NANO)), commit_of(shape_of(SUPER))
    assert nano != super_
    assert layout(NANO, revision=nano, commit=nano).references == {}
