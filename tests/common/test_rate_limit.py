"""Token buckets and minimum intervals: a burst, then the rate. No clock, no sleeping."""

from __future__ import annotations

import pytest

from monitor.common.rate_limit import MinInterval, TokenBucket


def test_the_bucket_lets_a_burst_through_and_then_its_rate():
    bucket = TokenBucket(rate=10.0, burst=3.0)
    waits = [bucket.reserve(100.0) for _ in range(6)]
    assert waits == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])
    assert bucket.reserve(200.0) == 0.0


def test_the_bucket_can_be_asked_without_waiting():
    bucket = TokenBucket(rate=1.0, burst=2.0)
    assert [bucket.try_take(5.0) for _ in range(3)] == [True, True, False]
    assert bucket.try_take(6.0)


def test_a_pause_keeps_events_apart():
    pause = MinInterval(5.0)
    assert [pause.over(now) for now in (0.0, 1.0, 4.9, 5.0, 9.0, 10.0)] == [
        True, False, False, True, False, True
    ]  # fmt: skip


def test_a_pause_tells_how_much_of_it_is_left():
    pause = MinInterval(5.0)
    assert pause.remaining(2.0) == 0.0
    pause.over(2.0)
    assert [pause.remaining(now) for now in (2.0, 6.0, 7.0, 9.0)] == [5.0, 1.0, 0.0, 0.0]
