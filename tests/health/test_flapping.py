"""Flap damping: what changes too often is held until it is calm."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.health import flapping
from monitor.health.flapping import CALM, CHANGES, FALLS, FALLS_WITHIN, LOOK_BACK, Flaps
from monitor.health.machine import Health, HealthPolicy, advance, confirm
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.state import State

POLICY = HealthPolicy()
UP = Diagnosis(None)
DOWN = Diagnosis(Cause.TCP_TIMEOUT, "x", "y")
SLOW = Diagnosis(Cause.SLOW, "x", "y")
INTERVAL = 30.0

VERDICTS = st.lists(st.sampled_from([UP, DOWN, SLOW]), max_size=80)


class Course:
    """A target's health over time: ``play("UUDD")`` gives the states it went through."""

    def __init__(self, interval: float = INTERVAL) -> None:
        self.health, self.now, self.interval = Health(), 1000.0, interval

    def play(self, results: str) -> list[State]:
        states = []
        for letter in results:
            self.now += self.interval
            diagnosis = {"U": UP, "D": DOWN, "S": SLOW}[letter]
            self.health = advance(self.health, diagnosis, self.now, POLICY)
            states.append(self.health.state)
        return states


def test_the_third_outage_in_half_an_hour_is_flapping():
    course = Course()
    course.play("U" + "DDUUU" * (FALLS - 1))
    assert (course.health.state, course.health.flapping) == (State.UP, False)
    course.play("DD")
    assert (course.health.state, course.health.flapping) == (State.DOWN, True)
    assert course.play("U") == [State.DEGRADED]
    assert course.health.cause is Cause.TCP_TIMEOUT


def test_down_and_slow_by_turns_is_flapping_too():
    course = Course()
    states = course.play("U" + "DDSS" * 30)
    assert course.health.flapping
    assert sum(one is not other for one, other in pairwise(states)) <= 2 * FALLS


def test_what_comes_down_over_slow_has_fallen_once():
    course = Course()
    course.play("U" + "SSDDUUUUU" * (FALLS - 1))
    assert not course.health.flapping


def test_outages_far_apart_are_outages():
    course = Course()
    pause = "U" * int(FALLS_WITHIN / INTERVAL)
    course.play("U" + ("DD" + pause) * 5)
    assert not course.health.flapping


def test_it_is_up_again_once_it_has_been_calm():
    course = Course()
    course.play("U" + "DDUUU" * FALLS)
    calm = int(CALM / INTERVAL)
    states = course.play("U" * calm)
    assert (states[0], states[-1]) == (State.DEGRADED, State.UP)
    assert not course.health.flapping
    assert course.play("DDU") == [State.UP, State.DOWN, State.UP]


def test_a_bad_result_starts_the_calm_anew():
    course = Course()
    course.play("U" + "DDUUU" * FALLS)
    for _ in range(10):
        assert set(course.play("U" * 5 + "D")) == {State.DEGRADED}


def test_every_second_probe_failing_is_degraded_though_no_failure_is_ever_confirmed():
    course = Course()
    course.play("U" * 10)
    states = course.play("DU" * CHANGES)
    assert State.DOWN not in states
    assert states[-1] is State.DEGRADED
    assert course.health.cause is Cause.TCP_TIMEOUT


def test_one_failure_in_ten_is_not_flapping():
    course = Course()
    assert set(course.play("U" * 10 + "DUUUUUUUUU" * 100)) == {State.UP}


def test_one_outage_however_long_is_not_flapping():
    course = Course()
    course.play("U" + "D" * 500)
    assert course.play("U") == [State.UP]


def test_what_flaps_and_then_stays_away_is_down_after_a_minute():
    course = Course()
    course.play("U" + "DDUUU" * FALLS)
    assert course.play("DDD") == [State.DEGRADED, State.DEGRADED, State.DOWN]


def test_a_loss_that_others_confirm_is_down_at_once_though_it_flaps():
    course = Course()
    course.play("U" + "DDUUU" * FALLS)
    assert confirm(course.health, DOWN, course.now).state is State.DOWN


def test_what_is_slow_now_and_then_flaps_too():
    course = Course()
    assert course.play("U" + "SUUU" * FALLS)[-1] is State.DEGRADED
    assert course.health.cause is Cause.SLOW


@given(VERDICTS, st.floats(0.05, 600))
def test_no_state_but_the_first_is_left_for_down_by_a_single_failure(
    verdicts: list[Diagnosis], interval: float
):
    health = Health()
    for number, diagnosis in enumerate(verdicts, 1):
        before, health = health, advance(health, diagnosis, number * interval, POLICY)
        if health.state is State.DOWN and before.state is not State.DOWN:
            assert health.failures_in_row >= 2
        if health.flapping:
            assert health.state is not State.UP
        assert (health.cause is None) == (health.state in {State.UP, State.UNKNOWN})


@given(VERDICTS, st.floats(1.0, 60))
def test_whatever_happened_a_calm_while_makes_it_up(verdicts: list[Diagnosis], interval: float):
    course = Course(interval)
    for diagnosis in verdicts:
        course.now += interval
        course.health = advance(course.health, diagnosis, course.now, POLICY)
    course.play("U" * (int(CALM / interval) + 4))
    assert (course.health.state, course.health.flapping) == (State.UP, False)


@given(VERDICTS, st.floats(1.0, 29))
def test_changes_are_few_whatever_the_network_does(verdicts: list[Diagnosis], interval: float):
    """However it alternates, people are told of few changes: each needs a fall, or a whole
    minute of failures, or a calm while."""
    course, changes = Course(interval), 0
    course.play("U" * 5)
    for diagnosis in verdicts * 5:
        before = course.health
        course.now += interval
        course.health = advance(course.health, diagnosis, course.now, POLICY)
        changes += course.health.state is not before.state
    minutes = len(verdicts) * 5 * interval / 60
    assert changes <= 4 * FALLS + 2 * minutes


@pytest.mark.parametrize("diagnosis", [UP, DOWN, SLOW])
def test_more_of_the_same_changes_nothing_but_the_counts(diagnosis: Diagnosis):
    course = Course()
    letter = {UP.cause: "U", DOWN.cause: "D", SLOW.cause: "S"}[diagnosis.cause]
    course.play(letter * 5)
    state, since = course.health.state, course.health.since
    course.play(letter * 50)
    assert (course.health.state, course.health.since) == (state, since)


@given(st.lists(st.booleans(), max_size=60))
@example([True] + [False] * LOOK_BACK)
@example([True] + [False] * (LOOK_BACK - 1))
@example([True, False] * (CHANGES // 2))
def test_changes_are_counted_within_the_last_twenty_results(failed: list[bool]):
    flaps = Flaps()
    for bad in failed:
        flaps = flapping.after(replace(flaps, flapping=False), Cause.SLOW if bad else None, 1.0)
    recent = [*[False] * LOOK_BACK, *failed][-LOOK_BACK:]
    assert flaps.changes == sum(one is not other for one, other in pairwise(recent))
    assert flaps.flapping is (bool(failed) and flaps.changes >= CHANGES)


@pytest.mark.parametrize(("third", "flaps"), [(FALLS_WITHIN, True), (FALLS_WITHIN + 1, False)])
def test_the_third_fall_counts_from_the_first(third: float, *, flaps: bool):
    seen = Flaps()
    for at in (0.0, 900.0, third):
        seen = flapping.moved(seen, State.UP, State.DOWN, at)
    assert seen.flapping is flaps


def test_a_target_that_was_never_up_has_not_fallen():
    assert flapping.moved(Flaps(), State.UNKNOWN, State.DOWN, 1.0).falls == ()
    down = flapping.moved(Flaps(), State.UNKNOWN, State.DOWN, 1.0)
    degraded = flapping.moved(down, State.DOWN, State.DEGRADED, 2.0)
    assert flapping.moved(degraded, State.DEGRADED, State.DOWN, 3.0).falls == (3.0,)
    up = flapping.moved(down, State.DOWN, State.UP, 2.0)
    assert flapping.moved(up, State.UP, State.DEGRADED, 3.0).falls == (3.0,)


def test_calm_begins_with_the_last_failure():
    flaps = Flaps(flapping=True, results=0b1000, bad_at=1000.0)
    assert flapping.after(flaps, None, 999.0 + CALM).flapping
    assert not flapping.after(flaps, None, 1000.0 + CALM).flapping


def test_three_successes_are_calm_for_probes_minutes_apart():
    course = Course(interval=2 * CALM)
    course.play("U" + "DU" * CHANGES)
    assert course.health.flapping
    course.play("D")
    assert course.play("UUU") == [State.DEGRADED, State.DEGRADED, State.UP]
