"""CRDs that are older than the operator cost new fields of the status, and nothing else."""

from __future__ import annotations

import pytest

from cosmos3_operator.cluster.errors import Undeclared, from_response
from cosmos3_operator.reconcile.status_writer import without
from fakes.apiserver import Asked
from fakes.loop import bench, run_async
from fakes.toy import resource

WORDS = (
    "failed to create typed patch object (default/super; serving.cosmos3.io/v1alpha1,"
    " Kind=CosmosGenerator): .status.{}: field not declared in schema"
)
"""As kube-apiserver 1.36.3 answers."""


def has_children(asked: Asked) -> bool:
    return asked.path.endswith("/status") and "children" in asked.body["status"]


def test_a_status_is_written_without_what_the_crd_does_not_know(caplog: pytest.LogCaptureFixture):
    async def main() -> None:
        async with bench() as b:
            b.server.fail(has_children, 500, message=WORDS.format("children"))
            b.create(resource())
            await b.settle()
            assert "children" not in b.status()
            assert b.reason() == "Starting"
            b.writes()
            await b.run()
            assert b.writes() == [], "nothing is written at rest"

    run_async(main)
    (line,) = [one.getMessage() for one in caplog.records if "older" in one.getMessage()]
    assert "the CRD of CosmosGenerator is older than this operator and does not know" in line
    assert ".status.children" in line
    assert "apply the CRDs of its own version" in line


def test_a_field_that_is_not_ours_to_leave_out_is_an_error(caplog: pytest.LogCaptureFixture):
    async def main() -> None:
        async with bench() as b:
            b.server.fail(has_children, 500, message=WORDS.format("elsewhere"))
            b.create(resource())
            with pytest.raises(Undeclared):
                await b.settle()

    run_async(main)


def test_every_field_that_is_named_is_left_out():
    status = {"a": 1, "plan": {"image": "x", "new": 1}, "findings": [{"message": "m", "new": 1}]}
    assert without(status, [".status.plan.new", ".status.findings[0].new"]) == {
        "a": 1,
        "plan": {"image": "x"},
    }
    assert without(status, [".status.gone.deep", ".spec.a", "nonsense"]) == status


def test_the_answer_names_the_fields():
    message = f'{{"kind": "Status", "message": "{WORDS.format("x")}"}}'
    error = from_response(code=500, headers={}, body=message.encode(), what="PATCH")
    assert isinstance(error, Undeclared)
    assert error.paths == (".status.x",)
