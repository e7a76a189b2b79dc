"""Commands of the documentation, run as they are written.

A block to be run follows a line `<!-- tested: NAME -->` in its page. In: page and name. Out: the
text of the block, and its run by bash, with the kubectl, Helm and operator of the tests on PATH.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bed.binaries import kubectl
from gotools.find import find
from support.repository import ROOT

_BLOCK = r"<!-- tested: {name} -->\n+```(?:sh|console)\n(?P<text>.*?)```"


def block(page: str, name: str) -> str:
    """Return the commands of one block of a page of docs/."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = re.findall(_BLOCK.format(name=re.escape(name)), text, flags=re.DOTALL)
    assert len(found) == 1, f"docs/{page}: {len(found)} blocks are called {name}"
    return str(found[0])


def run_block(
    text: str, *, kubeconfig: Path, folder: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run commands in the repository, against a cluster."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    operator = Path(sys.executable).with_name("cosmos3-operator")
    for name, program in (
        ("helm", find("helm")),
        ("kubectl", kubectl()),
        (operator.name, operator),
    ):
        if not (programs / name).exists():
            (programs / name).symlink_to(program)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=ROOT,
        env={
            **os.environ,
            "HOME": str(folder),
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{programs}:{os.environ['PATH']}",
            **(environ or {}),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
