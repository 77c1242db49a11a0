"""Slots and the agenda: spread, without drift, never in a bunch. No clock, no sleeping."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.scheduler.schedule import Schedule, next_slot, recheck_delay, slots_between
from monitor.scheduler.spacing import preferred_fraction

intervals = st.floats(0.5, 3600)
times = st.floats(0, 1e7)


@given(st.text(), intervals, times)
def test_the_next_slot_is_ahead_by_one_interval_at_the_most(name: str, interval: float, now: float):
    slot = next_slot(now, interval, preferred_fraction(name) * interval)
    assert now < slot <= now + interval + 1e-6


@given(st.text(), intervals, times, st.integers(1, 50))
def test_slots_do_not_drift_with_how_long_probes_take(
    name: str, interval: float, now: float, count: int
):
    phase = preferred_fraction(name) * interval
    first = next_slot(now, interval, phase)
    slot = first
    for _ in range(count):
        slot = next_slot(slot + interval * 0.9, interval, phase)  # the probe took so long
    assert slot == pytest.approx(first + count * interval, rel=1e-9, abs=1e-3)


@given(st.text(), intervals, times, st.floats(0, 1e5))
def test_what_a_stall_missed_is_counted_and_not_made_up_for(
    name: str, interval: float, now: float, stall: float
):
    phase = preferred_fraction(name) * interval
    slot = next_slot(now, interval, phase)
    later = slot + stall
    missed = slots_between(slot, later, interval, phase)
    assert missed == pytest.approx(math.floor(stall / interval + 1e-6), abs=1)
    assert slots_between(slot, slot, interval, phase) == 0
    assert next_slot(later, interval, phase) > later


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 100)), max_size=40), times)
def test_a_target_is_on_the_agenda_once_and_comes_when_it_is_due(
    entries: list[tuple[str, float]], now: float
):
    assume(now <= 100)
    schedule = Schedule()
    for name, due in entries:
        schedule.set(name, due)
    wanted = dict(entries)
    popped = schedule.pop_due(now)
    assert dict(popped) == {name: due for name, due in wanted.items() if due <= now}
    assert len(popped) == len(dict(popped))
    assert [due for _, due in popped] == sorted(due for _, due in popped)
    rest = {name: due for name, due in wanted.items() if due > now}
    assert schedule.next_due() == min(rest.values(), default=None)


def test_expediting_only_ever_brings_forward():
    schedule = Schedule()
    schedule.set("a", 30.0)
    assert schedule.expedite("a", 2.0)
    assert not schedule.expedite("a", 5.0)
    assert not schedule.expedite("unknown", 1.0)
    assert schedule.next_due() == 2.0
    schedule.remove("a")
    assert schedule.next_due() is None


def test_a_slot_that_rounding_puts_at_this_moment_is_over():
    # floor((now - 1.61) / 7.6) is one too small here: the slot of this moment would come again.
    now = 2958.0099999999998
    assert next_slot(now, 7.6, 1.61) == pytest.approx(now + 7.6)


def test_a_slot_counts_as_reached_whatever_its_last_binary_digit_is():
    interval, phase, number = 54.4, 10.04, 3368
    moment = phase + number * interval
    assert math.floor((moment - phase) / interval) < number
    assert slots_between(phase, moment, interval, phase) == number
    assert slots_between(phase, moment - 0.1, interval, phase) == number - 1


def test_expediting_to_the_same_moment_changes_nothing():
    schedule = Schedule()
    schedule.set("a", 30.0)
    assert not schedule.expedite("a", 30.0)


def test_what_is_down_is_probed_again_soon_and_then_ever_more_rarely() -> None:
    assert [recheck_delay(failures, 2) for failures in (1, 2, 3, 4, 5)] == [5, 5, 10, 20, 40]
    assert recheck_delay(10_000, 2) > 3600, "a long outage is left to slots and pulses"
