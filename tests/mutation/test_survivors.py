"""The list of survivors fits the code, and every entry has a reason."""

from __future__ import annotations

import pytest

from tests.mutation.mutate import Mutant, mutants
from tests.mutation.packages import PACKAGES, ROOT
from tests.mutation.survivors import Survivor, load_survivors

LISTED = load_survivors()


@pytest.mark.parametrize("entry", LISTED, ids=lambda entry: f"{entry.path}: {entry.line}")
def test_a_listed_survivor_is_a_mutant_of_the_code(entry: Survivor) -> None:
    path = ROOT / entry.path
    assert any(path in package.files() for package in PACKAGES.values())
    source = path.read_text()
    lines = source.splitlines()
    fits = any(entry.fits(entry.path, lines[m.line - 1], m) for m in mutants(source))
    assert fits, "the line has changed: correct or delete its entry in survivors.toml"
    assert len(entry.reason) > 10


def test_an_entry_is_about_one_line_and_one_change() -> None:
    entry = Survivor("a.py", "x = 1 + 2", "because", before="+")
    plus, one = Mutant(1, 6, 7, "+", "-"), Mutant(1, 4, 5, "1", "2")
    assert entry.fits("a.py", "    x = 1 + 2\n", plus)
    assert not entry.fits("a.py", "x = 1 + 2", one)
    assert not entry.fits("b.py", "x = 1 + 2", plus)
    assert not entry.fits("a.py", "x = 1 + 3", plus)
