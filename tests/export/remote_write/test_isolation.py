"""Finding the rejected series of a request, against a receiver that takes all of it or none."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.export.remote_write.isolation import BUDGET, Isolation
from monitor.export.remote_write.rows import Rows, count
from monitor.export.remote_write.series import Series
from tests.export.remote_write.points import FAMILY, MOMENT
from tests.export.remote_write.test_rows import rows_of

Bad = Callable[[Series, int], bool]


class AllOrNothing:
    """Rejects a request that holds a bad sample, or one out of order."""

    def __init__(self, bad: Bad) -> None:
        self.bad = bad
        self.requests = 0
        self.taken: dict[Series, list[int]] = {}

    async def send(self, rows: Rows) -> int:
        self.requests += 1
        for series, some in rows.items():
            last = max(self.taken.get(series, [0]))
            for at, _ in some:
                if self.bad(series, at) or at <= last:
                    return 0
                last = at
        for series, some in rows.items():
            self.taken.setdefault(series, []).extend(at for at, _ in some)
        return count(rows)


def catalogue(metrics: int, targets: int, each: int = 1) -> Rows:
    return {
        Series(f"m{metric:03}\0target\0t{target}", FAMILY): [
            (MOMENT + 1000 * n, 1.0) for n in range(each)
        ]
        for target in range(targets)
        for metric in range(metrics)
    }


async def isolated(
    rows: Rows, bad: Bad, *, doubtful: bool = False
) -> tuple[Isolation, AllOrNothing, set[tuple[Series, int]]]:
    """Isolate; returns also the good samples that were lost."""
    receiver = AllOrNothing(bad)
    isolation = Isolation(receiver.send, Random(1))
    written = await isolation.run(rows, doubtful=doubtful)
    arrived = {(series, at) for series, times in receiver.taken.items() for at in times}
    assert written == len(arrived)
    good = {(s, at) for s, some in rows.items() for at, _ in some if not bad(s, at)}
    return isolation, receiver, good - arrived


async def test_one_bad_series_among_thousands_costs_no_other() -> None:
    rows = catalogue(90, 52)
    bad = list(rows)[1234]
    isolation, receiver, lost = await isolated(rows, lambda s, _: s is bad)
    assert not lost
    assert receiver.requests <= 25
    assert isolation.rejected == {bad.key}


@pytest.mark.parametrize("each", [1, 2, 3])
@pytest.mark.parametrize("number", [0, 44, 89])
async def test_a_metric_rejected_on_all_targets_is_recognized(number: int, each: int) -> None:
    rows = catalogue(90, 52, each)
    isolation, receiver, lost = await isolated(rows, lambda s, _: s.metric == f"m{number:03}")
    assert not lost
    assert receiver.requests <= 30
    assert isolation.rejected == {f"m{number:03}"}


async def test_two_metrics_and_a_series_are_found_together() -> None:
    rows = catalogue(90, 52)
    names = {"m010", "m077"}
    single = next(s for s in rows if s.metric == "m033")
    isolation, receiver, lost = await isolated(rows, lambda s, _: s.metric in names or s is single)
    assert not lost
    assert receiver.requests <= 90
    assert isolation.rejected == names | {single.key}


async def test_if_everything_is_rejected_few_requests_find_that_out() -> None:
    isolation, receiver, _ = await isolated(catalogue(90, 52, 2), lambda *_: True)
    assert isolation.everything
    assert isolation.rejected == set()
    assert receiver.requests <= 20
    isolation, receiver, _ = await isolated(catalogue(90, 52), lambda *_: True, doubtful=True)
    assert isolation.everything
    assert receiver.requests <= 3


async def test_old_samples_are_rejected_and_the_newer_ones_arrive() -> None:
    rows = rows_of(100, each=4)
    isolation, receiver, lost = await isolated(rows, lambda _, at: at < MOMENT + 2000)
    assert not lost or isolation.everything
    isolation, receiver, lost = await isolated(rows, lambda _, at: at < MOMENT + 1000)
    assert receiver.requests <= 40
    assert isolation.rejected == set()


async def test_a_request_too_large_for_its_receiver_loses_nothing() -> None:
    rows = catalogue(90, 10)
    sizes: list[int] = []

    async def send(part: Rows) -> int:
        sizes.append(count(part))
        return count(part) if count(part) <= 100 else 0

    isolation = Isolation(send, Random(1))
    assert await isolation.run(rows) == 900
    assert isolation.rejected == set()


async def test_the_number_of_requests_is_bounded() -> None:
    rows = catalogue(90, 52)
    isolation, receiver, _ = await isolated(rows, lambda s, _: hash(s.key) % 3 == 0)
    assert receiver.requests <= BUDGET
    assert isolation.written + isolation.unsent <= count(rows)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.data())
async def test_exactly_the_bad_samples_are_lost(
    number: int, each: int, data: st.DataObject
) -> None:
    rows = rows_of(number, each)
    every = [(series, at) for series, some in rows.items() for at, _ in some]
    chosen = data.draw(st.sets(st.integers(0, len(every) - 1), min_size=1, max_size=4))
    bad = {every[number] for number in chosen}
    isolation, receiver, lost = await isolated(rows, lambda s, at: (s, at) in bad)
    assert not lost or isolation.everything
    for times in receiver.taken.values():
        assert times == sorted(times)
