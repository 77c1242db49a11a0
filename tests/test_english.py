"""The checker of docstrings, messages and documents finds what CONTRIBUTING forbids."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "check-english"
_spec = importlib.util.spec_from_loader(
    "check_english", SourceFileLoader("check_english", str(SCRIPT))
)
assert _spec is not None
assert _spec.loader is not None
english = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(english)


def words_in(source: str) -> list[str]:
    return [finding.words for finding in english.check_python(Path("x.py"), source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""What a target is."""', ["What"]),
        ('def f():\n    """Which one it is."""', ["Which"]),
        ('"""Targets.\n\nNobody asks."""', ["Nobody"]),
        ('x = f"{a} is no length of time"', ["is no length"]),
        ("x = 1  # mend it later", ["mend"]),
        ('log("at the most 20 of them")', ["at the most"]),
        ('"""One line a change: a line a change."""', ["a line a change"]),
        ('"""Targets, one per endpoint."""', []),
        ('x = "cure"', []),
        ('"""Return ``cure`` of an incident."""', []),
        ('"""There is no route to the host."""', []),
    ],
)
def test_a_module_is_checked(source: str, expected: list[str]) -> None:
    assert words_in(source) == expected


def test_the_line_of_a_finding_is_the_line_of_the_words() -> None:
    (finding,) = english.check_python(Path("x.py"), '"""Targets.\n\nMend\nthem."""\n')
    assert finding.line == 3


def test_code_in_documents_is_left_out() -> None:
    text = "Run `mend`:\n\n```\nmend --anew\n```\n\nThen mend it.\n"
    found = [(f.line, f.words) for f in english.check_document(Path("x.md"), text)]
    assert found == [(7, "mend")]


def test_the_exit_status_is_one_if_there_are_findings(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text("Fix the route.")
    bad.write_text("Mend the route.")
    assert english.main([str(good)]) == 0
    assert english.main([str(tmp_path)]) == 1
