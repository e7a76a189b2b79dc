"""The resources that the images' pages show are accepted, and name their images by right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cosmos3_operator.cli.files import read_resources
from cosmos3_operator.cli.render import plan_all
from cosmos3_operator.plan.facts import Facts
from support.repository import ROOT

BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = {"README.md": 1, "reasoner/README.md": 1, "generator/README.md": 1}
"""Page → resources on it."""


@pytest.mark.parametrize("page", PAGES)
def test_shown_resources_are_planned_with_the_image_they_name(page: str, tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "images" / page).read_text("utf-8"))
    assert len(blocks) == PAGES[page]
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block, "utf-8")
        plans, errors = plan_all(read_resources([str(file)]), namespace="models", facts=Facts())
        assert errors == []
        for _, plan in plans:
            assert f"image: {plan.runtime.image}" in re.sub(r'"', "", block)


@pytest.mark.parametrize("image", ["reasoner", "generator"])
def test_a_model_image_has_a_page_that_the_table_links(image: str) -> None:
    assert f"({image}/README.md)" in (ROOT / "images" / "README.md").read_text("utf-8")
    assert (ROOT / "images" / image / "README.md").is_file()
