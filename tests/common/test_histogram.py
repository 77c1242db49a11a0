"""Observations are counted by upper bound, inclusive as in Prometheus."""

from __future__ import annotations

import pytest

from monitor.common.histogram import DURATION_BUCKETS, Histogram


def test_an_observation_counts_in_the_first_bound_that_is_not_below_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5, 100.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 2]
    assert histogram.count == 6
    assert histogram.total == pytest.approx(107.5)


def test_histograms_are_independent() -> None:
    one, other = Histogram(), Histogram()
    one.observe(0.2)
    assert (one.count, other.count) == (1, 0)
    assert len(other.counts) == len(DURATION_BUCKETS) + 1


def test_counts_of_an_earlier_run_are_continued() -> None:
    histogram = Histogram((1.0,), [3, 4], 9.0)
    histogram.observe(0.5)
    assert (histogram.counts, histogram.total) == ([4, 4], 9.5)
