"""The documents: every link leads somewhere, and every page can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/**/*.md"))
    if path.name != "CHANGELOG.md"
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path):
    for link in _LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_every_page_is_in_the_navigation_and_in_the_index():
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r"[a-z-]+\.md", str(yaml.safe_load(text)["nav"])))
    pages = {path.name for path in ROOT.glob("docs/*.md")}
    assert named == pages
    index = (ROOT / "docs" / "index.md").read_text()
    assert [name for name in pages - {"index.md"} if f"({name})" not in index] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_fenced_block_is_indented(path: Path):
    """MkDocs shows an indented one as running text, and ends the list around it."""
    assert not re.search(r"^ +```", path.read_text(encoding="utf-8"), re.MULTILINE)
