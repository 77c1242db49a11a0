"""The state machine: one lost packet changes nothing, two results do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.health.machine import Health, HealthPolicy, advance
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
