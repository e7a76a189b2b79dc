"""What runtimes cannot do: the rows of cannot.yaml, and what the operator really answers to them.

In: a row: something that a user asks, as a spec, and the answer that is claimed. Out: the answer
that the operator's own code gives, so that a page can show it and a test can compare both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from cosmos3_operator.api.resource import API_VERSION, Kind
from cosmos3_operator.cli.files import Document
from cosmos3_operator.cli.render import to_yaml
from cosmos3_operator.cli.validate import check
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.types import Plan

ROWS = Path(__file__).resolve().parent / "cannot.yaml"


class Answer(StrEnum):
    """What the operator does about something that does not work."""

    REFUSED = "Refused"
    PLANNED_AROUND = "Planned around"
    WARNED = "Warned"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that a runtime cannot do."""

    about: str
    """The chapter."""
    ask: str
    """What the user wants, in words."""
    kind: Kind
    spec: Mapping[str, Any]
    answer: Answer
    says: tuple[str, ...]
    """Words that one line of the answer holds together; for Planned around, that the pod holds."""
    never: tuple[str, ...] = ()
    """Words that the pod must not hold."""
    why: str = ""
    """What would happen otherwise, where the answer does not say it."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the operator answers."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    pod: str
    """Command line, environment and Deployment as text; "" if refused."""


def rows() -> tuple[Row, ...]:
    """Return the rows, in the order of the file."""
    return tuple(map(_row, yaml.safe_load(ROWS.read_text("utf-8"))))


def given(row: Row) -> Given:
    """Return what the operator's own code makes of a row's spec."""
    metadata = {"name": "case", "namespace": "models"}
    body = {"apiVersion": API_VERSION, "kind": row.kind, "metadata": metadata, "spec": row.spec}
    plan, errors = check(Document(origin=ROWS.name, body=body))
    return Given(
        errors=tuple(map(str, errors)),
        warnings=plan.warnings if plan else (),
        pod=_pod(plan) if plan else "",
    )


def quoted(row: Row, answer: Given) -> tuple[str, ...]:
    """Return the lines of an answer that bear a row out; none if it is not true."""
    if row.answer is Answer.REFUSED:
        return tuple(line for line in answer.errors if _holds(line, row.says))
    if answer.errors:
        return ()
    if row.answer is Answer.WARNED:
        return tuple(line for line in answer.warnings if _holds(line, row.says))
    sound = _holds(answer.pod, row.says) and not any(word in answer.pod for word in row.never)
    return row.says if sound else ()


def _row(raw: Mapping[str, Any]) -> Row:
    return Row(
        **{
            **raw,
            "kind": Kind(raw["kind"]),
            "answer": Answer(raw["answer"]),
            "says": tuple(raw["says"]),
            "never": tuple(raw.get("never", ())),
        }
    )


def _holds(text: str, words: Iterable[str]) -> bool:
    return all(word in text for word in words)


def _pod(plan: Plan) -> str:
    environment = (f"{var.name}={var.value}" for var in plan.env if var.value is not None)
    (deployment,) = (child for child in render(plan) if child["kind"] == "Deployment")
    return "\n".join([" ".join(plan.args), *environment, to_yaml([deployment])])
