"""docs/causes.md, the page that alerts link to: every cause has its section, and all it needs.

Covers: monitor/model/causes.py
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.model.causes import Cause

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "causes.md").read_text()
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))
PARTS = ("Looks like", "Confirm", "Fix", "Ask the firewall team")


def test_every_cause_has_its_section_and_no_section_is_of_another():
    assert set(SECTIONS) == {cause.value for cause in Cause}


@pytest.mark.parametrize("cause", sorted(SECTIONS))
def test_a_section_says_how_it_looks_how_to_confirm_and_cure_it_and_what_to_ask(cause: str):
    assert re.findall(r"^- \*\*([^*]+)\*\*: ", SECTIONS[cause], flags=re.MULTILINE) == [*PARTS]


@pytest.mark.parametrize("cause", sorted(set(SECTIONS) - {"internal_error"}))
def test_a_cause_is_confirmed_by_a_command(cause: str):
    confirm = SECTIONS[cause].partition("**Confirm**")[2].partition("**Fix**")[0]
    assert re.search(r"`[^`]+`", confirm)


def test_links_within_the_page_lead_somewhere():
    assert set(re.findall(r"\(#(\w+)\)", TEXT)) <= set(SECTIONS)


def test_documents_that_are_named_exist():
    named = set(re.findall(r"docs/\w+\.md", TEXT))
    assert all((ROOT / name).is_file() for name in named)
