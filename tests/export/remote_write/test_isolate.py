"""Finding the refused samples of a request, against a receiver that takes all of it or none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.export.remote_write.isolate import (
    BUDGET,
    Isolation,
    Rows,
    count,
    generations,
    halves,
)
from monitor.export.remote_write.series import Batch, Series
from tests.export.remote_write.points import MOMENT, points


class AllOrNothing:
    """Refuses a request in which a sample is bad, and any that is out of order."""

    def __init__(self, bad: set[tuple[str, int]]) -> None:
        self.bad = bad
        self.requests = 0
        self.taken: dict[str, list[int]] = {}

    async def send(self, rows: Rows) -> int:
        self.requests += 1
        for series, some in rows.items():
            last = max(self.taken.get(series.key, [0]))
            for at, _ in some:
                if (series.key, at) in self.bad or at <= last:
                    return 0
                last = at
        for series, some in rows.items():
            self.taken.setdefault(series.key, []).extend(at for at, _ in some)
        return count(rows)


def rows_of(number: int, each: int = 1) -> Rows:
    batch = Batch()
    batch.add(points(number, each=each))
    return batch.series


def all_of(rows: Rows) -> set[tuple[str, int]]:
    return {(series.key, at) for series, some in rows.items() for at, _ in some}


async def test_one_bad_series_among_thousands_costs_no_other() -> None:
    rows = rows_of(4500)
    bad = (list(rows)[1234].key, MOMENT)
    receiver = AllOrNothing({bad})
    isolation = Isolation(receiver.send)
    assert await isolation.run(rows) == 4499
    assert receiver.requests < 50
    assert isolation.refused == {bad[0]}


async def test_where_everything_is_refused_few_requests_find_that_out() -> None:
    rows = rows_of(4500, each=2)
    receiver = AllOrNothing(all_of(rows))
    assert await Isolation(receiver.send).run(rows) == 0
    assert receiver.requests < 25


async def test_the_old_ones_are_refused_and_the_newer_ones_get_through() -> None:
    rows = rows_of(100, each=4)
    old = {(key, at) for key, at in all_of(rows) if at < MOMENT + 2000}
    receiver = AllOrNothing(old)
    assert await Isolation(receiver.send).run(rows) == 200


async def test_the_same_request_is_never_sent_twice() -> None:
    rows = rows_of(1)
    receiver = AllOrNothing(all_of(rows))
    assert await Isolation(receiver.send).run(rows) == 0
    assert receiver.requests == 0, "it was refused by the request before"


async def test_the_number_of_requests_is_bounded() -> None:
    rows = rows_of(4500, each=3)
    bad = {(series.key, MOMENT) for series in list(rows)[::3]}
    receiver = AllOrNothing(bad)
    await Isolation(receiver.send).run(rows)
    assert receiver.requests <= BUDGET


@given(st.integers(1, 12), st.integers(1, 5), st.data())
async def test_within_the_budget_exactly_the_bad_are_lost(
    number: int, each: int, data: st.DataObject
) -> None:
    rows = rows_of(number, each)
    bad = data.draw(st.sets(st.sampled_from(sorted(all_of(rows))), min_size=1, max_size=4))
    receiver = AllOrNothing(bad)
    written = await Isolation(receiver.send).run(rows)
    got = {(key, at) for key, times in receiver.taken.items() for at in times}
    assert written == len(got)
    missing = all_of(rows) - got
    if number > 1 or each > 1:
        assert missing == bad
    for times in receiver.taken.values():
        assert times == sorted(times)


@given(st.integers(1, 5), st.integers(1, 40))
def test_parts_have_every_sample_once_and_in_order(number: int, each: int) -> None:
    rows = rows_of(number, each)
    for parts in (list(generations(rows)), list(halves(rows)) if number * each > 1 else [rows]):
        joined: dict[Series, list[tuple[int, float]]] = {}
        for part in parts:
            for series, some in part.items():
                joined.setdefault(series, []).extend(some)
        assert joined == rows
    assert len(list(generations(rows))) <= 16
