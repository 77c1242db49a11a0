"""The state machine: one lost packet changes nothing, two results do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.health.machine import MEASURED_ONCE, Health, HealthPolicy, advance, impose
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.state import State

POLICY = HealthPolicy()
UP = Diagnosis(None)
DOWN = Diagnosis(Cause.TCP_TIMEOUT, "x", "y")
SKEWED = Diagnosis(Cause.CLOCK_SKEW, "x", "y")


def after(*verdicts: Diagnosis, policy: HealthPolicy = POLICY) -> Health:
    health = Health()
    for number, diagnosis in enumerate(verdicts, 1):
        health = advance(health, diagnosis, float(number), policy)
    return health


def test_the_first_success_is_believed_and_the_first_failure_is_not():
    assert after(UP).state is State.UP
    assert after(DOWN).state is State.UNKNOWN
    assert after(DOWN, DOWN).state is State.DOWN


def test_a_single_failure_changes_no_state():
    health = after(UP, UP, DOWN)
    assert (health.state, health.since, health.failures_in_row) == (State.UP, 1.0, 1)
    assert after(UP, DOWN, UP, DOWN, UP).state is State.UP


def test_two_failures_in_a_row_are_down_since_the_second():
    health = after(UP, DOWN, DOWN, DOWN)
    assert (health.state, health.since, health.cause) == (State.DOWN, 3.0, Cause.TCP_TIMEOUT)


def test_a_success_is_a_recovery():
    health = after(UP, DOWN, DOWN, UP)
    assert (health.state, health.since, health.cause) == (State.UP, 4.0, None)


def test_what_still_answers_is_degraded():
    assert after(UP, SKEWED).state is State.DEGRADED


def test_a_recovery_can_be_made_to_wait():
    policy = HealthPolicy(down_after=2, up_after=3)
    assert after(DOWN, DOWN, UP, UP, policy=policy).state is State.DOWN
    assert after(DOWN, DOWN, UP, UP, UP, policy=policy).state is State.UP


@given(st.lists(st.sampled_from([UP, DOWN, SKEWED])), st.integers(1, 5), st.integers(1, 5))
def test_down_takes_as_many_failures_in_a_row_as_the_policy_says(
    verdicts: list[Diagnosis], down_after: int, up_after: int
):
    policy = HealthPolicy(down_after, up_after)
    health = Health()
    for now, diagnosis in enumerate(verdicts, 1):
        before = health
        health = advance(health, diagnosis, float(now), policy)
        if health.state is State.DOWN and before.state is not State.DOWN:
            assert health.failures_in_row >= down_after
        if before.state is State.DOWN and health.state is not State.DOWN:
            assert health.successes_in_row >= up_after
        assert (health.state is before.state) == (health.since == before.since)


@pytest.mark.parametrize("cause", sorted(MEASURED_ONCE))
def test_what_one_lost_packet_can_show_needs_a_second_result(cause: Cause):
    once = Diagnosis(cause, "x", "y")
    assert after(UP, once).state is State.UP
    assert after(UP, once).unconfirmed
    assert after(UP, once, UP, once).state is State.UP
    assert after(UP, once, once).state is State.DEGRADED
    assert after(UP, DOWN, once).state is State.DEGRADED
    assert not after(UP, once, once).unconfirmed
    assert not after(UP).unconfirmed


def test_results_are_counted_from_the_first_on():
    good, bad = after(UP), after(DOWN)
    assert (good.successes_in_row, good.failures_in_row, good.unwell_in_row) == (1, 0, 0)
    assert (bad.successes_in_row, bad.failures_in_row, bad.unwell_in_row) == (0, 1, 1)
    assert after(UP, SKEWED, SKEWED).unwell_in_row == 2
    assert after(UP, SKEWED, UP).unwell_in_row == 0


def test_an_imposed_state_has_its_own_beginning():
    up = after(UP)
    down = impose(up, State.DOWN, 10.0)
    assert (down.state, down.since, down.measured) == (State.DOWN, 10.0, State.UP)
    assert impose(down, State.DOWN, 20.0).since == 10.0
    assert impose(down, State.DEGRADED, 20.0).since == 20.0
    assert impose(up, State.UP, 10.0).since == up.since


def test_a_state_that_is_released_goes_on_since_when_it_was_shown():
    released = impose(impose(after(UP), State.DOWN, 10.0), None, 30.0)
    assert (released.state, released.since, released.imposed) == (State.UP, 30.0, None)
    same = impose(impose(after(DOWN, DOWN), State.DOWN, 10.0), None, 30.0)
    assert (same.state, same.since) == (State.DOWN, 2.0)
    assert impose(after(UP), None, 30.0) == after(UP)
    assert impose(Health(), State.DOWN, 10.0) == Health()
