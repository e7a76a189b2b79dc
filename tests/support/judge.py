"""What GitOps tools make of objects: Flux and Helm by kstatus, Argo CD by its health scripts.

In: objects as the API server has them. Out: a verdict for each, from one process for all of them
(tests/gotools/judge): the library that Flux calls, and the Lua that Argo CD embeds with the scripts
of examples/gitops/argocd/resource_customizations.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gotools.find import find
from support.repository import ROOT

CUSTOMIZATIONS = ROOT / "examples" / "gitops" / "argocd" / "resource_customizations"
AGREEING = {"Current": "Healthy", "InProgress": "Progressing", "Failed": "Degraded"}
"""What kstatus says, and what Argo CD must say then."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What one tool sees."""

    status: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What both see; Argo CD has nothing to say about kinds without a script."""

    kstatus: View
    argo: View | None


def judge(objects: Iterable[Mapping[str, Any]], *, open_libs: bool = False) -> list[Verdict]:
    """Return a verdict for each object, in their order."""
    asked = [
        json.dumps({"object": one, "script": script(one), "openLibs": open_libs}) for one in objects
    ]
    done = subprocess.run(
        [str(find("judge"))],
        input="\n".join(asked),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [_verdict(json.loads(line)) for line in done.stdout.splitlines()]
    assert len(found) == len(asked)
    return found


def script(body: Mapping[str, Any]) -> str:
    """Return the health script for an object, "" if it is none of our kinds."""
    group = str(body["apiVersion"]).rpartition("/")[0]
    path = CUSTOMIZATIONS / group / str(body["kind"]) / "health.lua"
    return path.read_text("utf-8") if path.is_file() else ""


def _verdict(said: Mapping[str, Any]) -> Verdict:
    argo = said.get("argo")
    return Verdict(kstatus=View(**said["kstatus"]), argo=View(**argo) if argo else None)
