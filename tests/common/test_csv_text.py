"""CSV is read back as it was written, and no cell is a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.common.csv_text import csv_text


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), max_size=5))
def test_no_cell_begins_a_formula_or_a_row(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(rows))))
    assert [len(row) for row in read if row] == [len(row) for row in rows if row]
    assert all(cell.isprintable() for row in read for cell in row)
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in read for cell in row)


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-1", "@SUM(A1)"])
def test_a_formula_is_quoted_as_text(cell: str) -> None:
    assert csv_text([["a", cell]]) == f"a,'{cell}\n"


def test_commas_and_quotes_stay_in_their_cell() -> None:
    assert csv_text([["a,b", 'c"d'], ["e", ""]]) == '"a,b","c""d"\ne,\n'
