"""Judgement of stalls: their reason, what they spoil, and whether they last."""

from __future__ import annotations

import pytest

from monitor.health.starvation import STALL, WINDOW, Stall, affecting, lasting, reason_of
from monitor.model.starvation import HostStarvation, Starvation

STOPPED = Starvation.STOPPED


@pytest.mark.parametrize(
    ("grown", "reason"),
    [
        ({"suspended": 60.0}, Starvation.SUSPENDED),
        ({"throttled": 0.9, "waited": 0.9, "used": 0.02}, Starvation.CPU_THROTTLED),
        ({"used": 0.95, "waited": 0.3}, Starvation.BUSY),
        ({"waited": 0.7, "used": 0.1}, Starvation.CPU_CONTENTION),
        ({"used": 0.01, "waited": 0.01}, Starvation.STOPPED),
        ({"suspended": STALL}, Starvation.SUSPENDED),
        ({"suspended": STALL - 0.001}, Starvation.STOPPED),
        ({"throttled": 0.25, "used": 0.6}, Starvation.CPU_THROTTLED),
        ({"throttled": 0.24, "used": 0.5}, Starvation.BUSY),
        ({"used": 0.49, "waited": 0.25}, Starvation.CPU_CONTENTION),
        ({"used": 0.49, "waited": 0.24}, Starvation.STOPPED),
    ],
)
def test_the_kernels_counters_tell_why_the_process_did_not_run(
    grown: dict[str, float], reason: Starvation
):
    counters = {"used": 0.0, "waited": 0.0, "throttled": 0.0, "suspended": 0.0} | grown
    assert reason_of(1.0, **counters) is reason


@pytest.mark.parametrize(
    ("stalls", "begun", "ended", "spoiled"),
    [
        ([], 0.0, 1.0, False),
        ([Stall(0.2, 5.2, STOPPED)], 0.0, 5.3, True),
        ([Stall(0.2, 5.2, STOPPED)], 5.3, 6.0, False),
        ([Stall(0.2, 5.2, STOPPED)], -9.0, 0.1, False),
        ([Stall(0.0, 0.05, STOPPED)], 0.0, 0.06, False),
        ([Stall(0.0, 0.3, STOPPED)], 0.0, 10.0, False),
        ([Stall(0.1 * n, 0.1 * n + 0.05, STOPPED) for n in range(10)], 0.0, 1.0, True),
        ([Stall(0.5, 0.51, STOPPED, asleep=90.0)], 0.0, 1.0, True),
        ([Stall(0.5, 0.51, STOPPED, asleep=STALL)], 0.0, 1.0, True),
        ([Stall(0.0, 1.0, STOPPED, asleep=90.0)], 1.0, 2.0, True),
        ([Stall(2.0, 2.1, STOPPED, asleep=90.0)], 1.0, 2.0, True),
        ([Stall(0.0, 0.9, STOPPED, asleep=90.0)], 1.0, 2.0, False),
        ([Stall(2.1, 2.2, STOPPED, asleep=90.0)], 1.0, 2.0, False),
        ([Stall(0.0, 0.2, STOPPED)], 0.0, 1.0, True),
        ([Stall(100.0, 100.3, STOPPED)], 100.0, 101.0, True),
    ],
)
def test_a_measurement_is_inadmissible_if_much_of_it_was_lost(
    stalls: list[Stall], begun: float, ended: float, spoiled: bool
):
    """A refusal within milliseconds stays valid on a busy host, and so does a timeout of 10 s
    with one hiccup; a timeout of 1 s in which half of the time was lost does not."""
    assert (affecting(stalls, begun, ended) is not None) is spoiled


def judged(before: HostStarvation | None, stalls: list[Stall], now: float) -> HostStarvation | None:
    return lasting(before, stalls, now, 1000.0 + now, load=20.0, cpus=2)


def test_one_stall_does_not_last_and_many_do():
    assert judged(None, [Stall(10.0, 15.0, STOPPED)], 20.0) is None
    many = [Stall(n, n + 0.98, Starvation.CPU_THROTTLED) for n in range(10)]
    found = judged(None, many, 10.0)
    assert found is not None
    assert (found.reason, found.since, found.load) == (Starvation.CPU_THROTTLED, 1000.0, 20.0)
    assert found.share == pytest.approx(0.33, abs=0.01)


def test_it_is_over_only_when_little_of_the_last_half_minute_was_lost():
    stalls = [Stall(n, n + 0.9, Starvation.CPU_CONTENTION) for n in range(20)]
    begun = judged(None, stalls, 20.0)
    assert begun is not None
    still = judged(begun, stalls, 45.0)
    assert still is not None
    assert still.since == begun.since
    assert judged(still, stalls, 47.5) is None


def test_the_longest_stall_gives_the_reason():
    stalls = [Stall(0.0, 0.3, Starvation.BUSY), Stall(0.4, 0.9, STOPPED)]
    assert affecting(stalls, 0.0, 1.0) is STOPPED
    assert affecting(stalls[::-1], 0.0, 1.0) is STOPPED


def test_a_fifth_of_the_window_is_lasting():
    assert judged(None, [Stall(100.0, 106.0, STOPPED)], 120.0) is not None
    assert judged(None, [Stall(100.0, 105.9, STOPPED)], 120.0) is None


def test_lasting_starvation_is_told_with_its_beginning_and_longest_stall():
    stalls = [
        Stall(80.0, 90.0, Starvation.BUSY),  # ended as the window began
        Stall(95.0, 99.0, STOPPED),
        Stall(101.0, 104.0, Starvation.BUSY),
        Stall(105.0, 107.0, Starvation.BUSY),
    ]
    found = judged(None, stalls, 90.0 + WINDOW)
    assert found is not None
    assert (found.since, found.longest) == (1095.0, 4.0)
    assert found.reason is Starvation.BUSY
    assert found.share == pytest.approx(9 / WINDOW)
    assert (found.load, found.cpus) == (20.0, 2)


def test_no_more_than_the_whole_window_is_lost():
    found = judged(None, [Stall(0.0, 99.0, STOPPED), Stall(0.0, 99.0, STOPPED)], 99.0)
    assert found is not None
    assert found.share == 1.0
