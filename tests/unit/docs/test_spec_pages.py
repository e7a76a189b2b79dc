"""docs/spec is complete and fresh: generated pages match the models, every word is explained."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import yaml

from cosmos3_operator.api.conditions import ConditionType
from cosmos3_operator.api.resource import Kind

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES: dict[Path, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_committed_page_is_fresh(path: Path) -> None:
    assert path.read_text("utf-8") == PAGES[path], f"{path.name} is stale: run 'make docs'"


def test_every_kind_has_a_page() -> None:
    pages = {path.stem for path in PAGES if path.parent.name == "spec"}
    assert pages == {kind.lower() for kind in Kind}


def test_every_condition_is_documented_once() -> None:
    text = (DOCS / "spec" / "conditions.md").read_text("utf-8")
    headings = re.findall(r"^## (\w+)$", text.partition("\n# Conditions\n")[2], re.M)
    assert sorted(headings) == sorted(map(str, ConditionType))


@pytest.mark.parametrize(("column", "kind"), list(enumerate(Kind)))
def test_the_table_of_conditions_says_which_kind_has_which(column: int, kind: Kind) -> None:
    text = (DOCS / "spec" / "conditions.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\(#\w+\) \| (yes|no) \| (yes|no) \|", text, re.M)
    assert {name for name, *has in rows if has[column] == "yes"} == conditions_shown_by(kind)


def conditions_shown_by(kind: Kind) -> set[str]:
    """Return the types of condition that any golden case of a kind has."""
    shown = set()
    for seen in (ROOT / "tests" / "golden_status").glob("*/observed.yaml"):
        if yaml.safe_load(seen.read_text("utf-8"))["resource"]["kind"] == kind:
            status = yaml.safe_load((seen.parent / "status.yaml").read_text("utf-8"))
            shown |= {condition["type"] for condition in status["conditions"]}
    return shown


def pages_of_the_project() -> list[Path]:
    readmes = (
        "charts",
        "images",
        "images/preflight",
        "e2e",
        "operator",
        "tests/bed",
        "examples",
        ".",
    )
    found = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
    return sorted({*found, *(ROOT / folder / "README.md" for folder in readmes)})


@pytest.mark.parametrize(
    "page", pages_of_the_project(), ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    broken = [link for link in links if "://" not in link and not leads_somewhere(page, link)]
    assert broken == []


def leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target)


def anchors(page: Path) -> set[str]:
    """Return the anchors that Markdown renderers give a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^a-z0-9 _-]", "", text.lower()).replace(" ", "-") for text in headings}
