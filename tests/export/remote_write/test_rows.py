"""Dividing samples: nothing is lost, doubled or put out of order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.export.remote_write.rows import (
    MOST_GENERATIONS,
    Rows,
    by_metric,
    count,
    generations,
    take,
)
from monitor.export.remote_write.series import Batch
from tests.export.remote_write.points import points


def rows_of(number: int, each: int = 1) -> Rows:
    batch = Batch()
    batch.add(points(number, each=each))
    return batch.series


def joined(parts: list[Rows]) -> Rows:
    found: Rows = {}
    for part in parts:
        for series, some in part.items():
            found.setdefault(series, []).extend(some)
    return found


@given(st.integers(1, 5), st.integers(1, 40))
def test_generations_hold_each_sample_once_and_in_order(number: int, each: int) -> None:
    rows = rows_of(number, each)
    parts = list(generations(rows))
    assert joined(parts) == rows
    assert len(parts) <= MOST_GENERATIONS


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 40))
def test_what_is_taken_and_the_rest_hold_each_sample_once_and_in_order(
    number: int, each: int, limit: int
) -> None:
    rows = rows_of(number, each)
    parts = []
    rest = rows
    while rest:
        taken, rest = take(rest, limit)
        assert 1 <= count(taken) <= max(1, limit)
        parts.append(taken)
    assert joined(parts) == rows


@pytest.mark.parametrize("each", [1, 3])
def test_rows_are_grouped_by_metric(each: int) -> None:
    rows = rows_of(3, each)
    assert {name: count(part) for name, part in by_metric(rows).items()} == {
        "m0": each,
        "m1": each,
        "m2": each,
    }
