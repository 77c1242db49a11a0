"""A clock that jumps does not spoil the times of samples."""

from __future__ import annotations

from monitor.export.remote_write.clock_guard import FOLLOWED_AFTER, ClockGuard

HOURS = 25 * 3600.0


def test_a_jump_that_does_not_last_is_taken_out_of_the_times() -> None:
    guard = ClockGuard()
    assert guard.correction(1000.0, 1.0) == 0.0
    assert guard.correction(1001.0 + HOURS, 2.0) == -HOURS
    assert guard.correction(1011.0 + HOURS, 12.0) == -HOURS
    assert guard.correction(1012.0, 13.0) == 0.0
    assert guard.correction(1013.0 + HOURS, 14.0) == -HOURS, "a second jump is one, too"


def test_a_correction_of_the_clock_is_followed_after_a_minute() -> None:
    guard = ClockGuard()
    guard.correction(1000.0, 0.0)
    assert guard.correction(900.0, 1.0) == 101.0
    assert guard.correction(900.0 + FOLLOWED_AFTER, 1.0 + FOLLOWED_AFTER) == 0.0
    assert guard.correction(901.0 + FOLLOWED_AFTER, 2.0 + FOLLOWED_AFTER) == 0.0


def test_drift_and_small_corrections_are_followed_at_once() -> None:
    guard = ClockGuard()
    now = 1000.0
    for second in range(100):
        now += 1.5
        assert guard.correction(now, float(second)) == 0.0
