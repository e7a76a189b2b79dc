"""The pages about releases: links lead somewhere, commands are there, loops work."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from cosmos3_operator.catalog.load import load
from release import dist
from support.repository import ROOT

DOCS = ROOT / "docs"
PAGES = [DOCS / f"{name}.md" for name in ("releasing", "verifying", "air-gapped")]
LOOP = re.compile(r"<!-- run: (\w+) -->\n```bash\n(.*?)```", re.DOTALL)
RECORDER = '#!/bin/sh\necho "$(basename "$0")" "$@" "HF_HOME=${HF_HOME:-}" >> "$RECORD"\n'


@pytest.mark.parametrize("page", [*PAGES, ROOT / "SECURITY.md", ROOT / "images" / "README.md"])
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert targets
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_each_target_that_a_page_names_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    lines = re.findall(r"(?:`|^\$ |^)make ([a-z][a-z -]*[a-z])", text, re.MULTILINE)
    assert {name for line in lines for name in line.split()} <= targets


def test_the_page_names_each_file_that_a_release_hands_out() -> None:
    text = (DOCS / "releasing.md").read_text("utf-8")
    for name in ("VERSION.tgz", "VERSION-crds.yaml", "VERSION.cdx.json", "VERSION-images.txt"):
        assert f"`cosmos3-operator-{name}`" in text
    assert f"`{dist.SUMS}`" in text


def test_users_verify_the_workflow_that_signs() -> None:
    text = (DOCS / "verifying.md").read_text("utf-8")
    (path,) = re.findall(r"\$SOURCE/(\S+)@refs/tags/", text)
    workflow = (ROOT / path).read_text("utf-8")
    assert "cosign sign --yes" in workflow
    assert 'tags: ["v*"]' in workflow


def test_the_loops_copy_everything_once(tmp_path: Path) -> None:
    """With stand-ins for skopeo and hf that write down how they were called."""
    loops = dict(LOOP.findall((DOCS / "air-gapped.md").read_text("utf-8")))
    said = {name: _run(loop, tmp_path) for name, loop in loops.items()}
    assert said.keys() == {"images", "models"}
    runtime = next(found for found in load().runtimes if found.digest)
    name = f"{runtime.repository}@{runtime.digest}"
    assert said["images"] == [
        f"skopeo copy --all --preserve-digests docker://docker.io/{name} docker://"
        f"mirror.example.com/{name.replace('@sha256:', ':mirrored-')} HF_HOME=",
        "skopeo copy --all --preserve-digests docker://docker.io/vllm/vllm-omni:v1 docker://"
        "mirror.example.com/vllm/vllm-omni:v1 HF_HOME=",
    ]
    assert said["models"] == [
        "hf download nvidia/Cosmos3-Nano HF_HOME=/cache/huggingface",
        "hf download nvidia/Cosmos3-Edge --revision abc HF_HOME=/cache/huggingface",
    ]


def _run(loop: str, folder: Path) -> list[str]:
    runtime = next(found for found in load().runtimes if found.digest)
    own = f"docker.io/{runtime.repository}@{runtime.digest}"
    (folder / "images.txt").write_text(f"{own}\ndocker.io/vllm/vllm-omni:v1\n")
    (folder / "models.txt").write_text("nvidia/Cosmos3-Nano\nnvidia/Cosmos3-Edge@abc\n")
    programs, record = folder / "bin", folder / "record"
    programs.mkdir(exist_ok=True)
    record.write_text("")
    for name in ("skopeo", "hf"):
        (programs / name).write_text(RECORDER)
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    given = {"PATH": path, "MIRROR": "mirror.example.com", "RECORD": str(record)}
    subprocess.run(["bash", "-euc", loop], cwd=folder, env=given, check=True)
    return record.read_text().splitlines()
