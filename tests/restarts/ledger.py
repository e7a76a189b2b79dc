"""The ledger of pod templates: what runs now, and what this code would make of it.

A Deployment restarts its pods when its template changes. The ledger holds, for every golden case,
a hash of the template that was announced last, and what the operator had noted on the Deployment.
In: the ledger, the golden cases, the changelog. Out: which pods the code at hand would restart, and
whether the changelog says so. Notes count, since decisions that are noted are kept: what a new
resource would get today is no restart.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cosmos3_operator.cli.files import read_resources
from cosmos3_operator.cli.render import plan_all
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.names import CUDA_DECISION
from golden.test_golden import CASES, HERE, OUTPUTS, facts_of, settings_of, source_of

Deployment = Mapping[str, Any]
_NEXT_RELEASE = re.compile(r"^## Unreleased\n(.*?)(?=^## |\Z)", re.M | re.S)
_RESTARTS = re.compile(r"^### Restarts\n(.*?)(?=^### |\Z)", re.M | re.S)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What was announced last."""

    announced: tuple[str, ...] = ()
    """Entries under Restarts of the changelog, at that time."""
    cases: Mapping[str, Mapping[str, Any]]
    """Case → hash of its inputs, hash of its pod template, and what is noted on its Deployment."""


def restarted(ledger: Ledger) -> list[str]:
    """Return the cases whose pods would be restarted, although nobody changed the resource."""
    return [
        case
        for case, old in ledger.cases.items()
        if case in CASES
        and inputs_of(case) == old["inputs"]
        and template_of(upgraded(case, old["noted"])) != old["template"]
    ]


def unannounced(ledger: Ledger, changelog: str) -> list[str]:
    """Return the entries of the changelog that the ledger does not know yet."""
    return [entry for entry in entries(changelog) if entry not in ledger.announced]


def entries(changelog: str) -> tuple[str, ...]:
    """Return what the next release says under Restarts, entry by entry."""
    release = _NEXT_RELEASE.search(changelog)
    section = _RESTARTS.search(release[1]) if release else None
    items = re.split(r"^- ", section[1], flags=re.M)[1:] if section else []
    return tuple(" ".join(item.split()) for item in items)


def brought_up_to_date(ledger: Ledger, changelog: str) -> Ledger:
    """Return the ledger of the code at hand: a case that is known keeps what was noted on it."""
    cases = {case: _entry(case, ledger.cases.get(case)) for case in CASES}
    return Ledger(
        announced=entries(changelog), cases={c: entry for c, entry in cases.items() if entry}
    )


def _entry(case: str, old: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the line of one case; {} if it has no Deployment."""
    inputs = inputs_of(case)
    is_same = old is not None and old["inputs"] == inputs
    deployment = upgraded(case, old["noted"] if old and is_same else None)
    if deployment is None:
        return {}
    return {"inputs": inputs, "template": template_of(deployment), "noted": noted_on(deployment)}


def upgraded(case: str, noted: Deployment | None) -> Deployment | None:
    """Return what this code makes of a case whose Deployment has these notes; None: it is new."""
    facts = facts_of(case)
    plans, _ = plan_all(
        read_resources([str(source_of(case))]),
        namespace=None,
        facts=facts if noted is None else _with_notes(facts, noted),
        settings=settings_of(case),
    )
    found = (child for _, plan in plans for child in render(plan))
    return next((child for child in found if child["kind"] == "Deployment"), None)


def _with_notes(facts: Facts, noted: Deployment) -> Facts:
    return replace(facts, cuda_line=noted["metadata"]["annotations"].get(CUDA_DECISION))


def noted_on(deployment: Deployment) -> dict[str, Any]:
    """Return what the operator reads of a Deployment that serves: notes and image."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    containers = spec["template"]["spec"]["containers"]
    return {
        "metadata": {
            **{name: metadata[name] for name in ("namespace", "name")},
            "annotations": dict(metadata.get("annotations", {})),
        },
        "spec": {
            "replicas": spec["replicas"],
            "template": {
                "spec": {
                    "containers": [{key: c[key] for key in ("name", "image")} for c in containers]
                }
            },
        },
        "status": {"conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable"}]},
    }


def template_of(deployment: Deployment | None) -> str:
    """Return a hash of a pod template, "" if there is no Deployment any more."""
    if deployment is None:
        return ""
    return _hash(json.dumps(deployment["spec"]["template"], sort_keys=True))


def inputs_of(case: str) -> str:
    """Return a hash of all that a case says about its resource and its cluster."""
    files = sorted(path for path in (HERE / case).iterdir() if path.name not in OUTPUTS)
    return _hash("\n".join(path.read_text("utf-8") for path in (source_of(case), *files)))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
