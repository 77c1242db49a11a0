"""Rejected series and metrics: sent apart, left out, and tried again."""

from __future__ import annotations

from monitor.export.remote_write.quarantine import (
    FORGET_AFTER,
    LONGEST_PAUSE,
    MOST_ENTRIES,
    PAUSE,
    RETESTS,
    Division,
    Quarantine,
)
from tests.export.remote_write.test_rows import rows_of

ROWS = rows_of(20)
SERIES = list(ROWS)


def test_a_series_rejected_once_is_sent_apart() -> None:
    quarantine = Quarantine()
    quarantine.rejected(SERIES[3].key, 0.0)
    division = quarantine.divide(ROWS, 1.0)
    assert list(division.apart) == [SERIES[3]]
    assert len(division.clear) == 19
    assert quarantine.names() == []
    quarantine.accepted(division.apart)
    assert quarantine.divide(ROWS, 2.0) == Division(clear=ROWS)


def test_a_series_rejected_twice_is_left_out_for_a_while() -> None:
    quarantine = Quarantine()
    for now in (0.0, 5.0):
        quarantine.rejected(SERIES[3].key, now)
    assert list(quarantine.divide(ROWS, 10.0).left_out) == [SERIES[3]]
    assert quarantine.names() == ["m3"]
    assert list(quarantine.divide(ROWS, 5.0 + PAUSE).due) == [SERIES[3].key]


def test_a_metric_rejected_as_a_whole_is_left_out_at_once() -> None:
    quarantine = Quarantine()
    quarantine.rejected("m3", 0.0, whole_metric=True)
    assert list(quarantine.divide(ROWS, 1.0).left_out) == [SERIES[3]]
    assert quarantine.divide(ROWS, PAUSE).due == {"m3": {SERIES[3]: ROWS[SERIES[3]]}}


def test_a_change_of_the_receiver_ends_the_pause() -> None:
    quarantine = Quarantine()
    quarantine.rejected("m3", 0.0, whole_metric=True)
    quarantine.disturbed(1.0)
    assert list(quarantine.divide(ROWS, 1.0).due) == ["m3"]


def test_many_that_are_left_out_cost_few_requests() -> None:
    quarantine, rows = Quarantine(), rows_of(500)
    for series in rows:
        quarantine.rejected(series.metric, 0.0, whole_metric=True)
    requests = 0
    for now in range(0, 4 * 3600, 5):
        due = quarantine.divide(rows, now).due
        assert len(due) <= RETESTS
        requests += len(due)
        for name in due:
            quarantine.rejected(name, now)
    assert 4 * 500 <= requests <= 4 * 3600 / PAUSE * RETESTS * 1.1


def test_the_entries_are_bounded_and_forgotten() -> None:
    quarantine, rows = Quarantine(), rows_of(MOST_ENTRIES + 50)
    for series in rows:
        quarantine.rejected(series.metric, 0.0, whole_metric=True)
    assert len(quarantine.divide(rows, 1.0).clear) == 50
    quarantine.rejected("another", LONGEST_PAUSE + FORGET_AFTER, whole_metric=True)
    assert quarantine.names() == ["another"]
