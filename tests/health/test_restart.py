"""A server that restarts refuses for a second: that is no outage. One that stays away is."""

from __future__ import annotations

import pytest

from monitor.health.machine import Health, HealthPolicy, advance
from monitor.health.restart import RESTART, may_confirm, policy_for_refusals
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import Failure, FailureKind, Phase, ProbeResult
from monitor.model.state import State

REFUSED = Failure(Phase.CONNECT, FailureKind.OS_ERROR, "refused", 111, "ECONNREFUSED")
TIMEOUT = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer in time")
UP = Health(State.UP, 0.0)


def after(failure: Failure | None, *times: float, health: Health = UP, took: float = 0.0) -> Health:
    """Return the health after results of one kind that end at these times."""
    for now in times:
        result = ProbeResult("a", now, took, None, (), failure)
        cause = Cause.TCP_REFUSED if failure is REFUSED else Cause.TCP_TIMEOUT
        diagnosis = Diagnosis(cause if failure else None)
        policy = policy_for_refusals(HealthPolicy(), result, health)
        health = advance(health, diagnosis, now, policy)
    return health


def test_refusals_within_a_second_leave_a_target_up() -> None:
    refused = after(REFUSED, 10.0, 10.1, 10.7, 11.2)
    assert refused.state is State.UP
    assert after(None, 11.4, health=refused).failures_in_row == 0


def test_refusals_that_last_are_an_outage() -> None:
    assert after(REFUSED, 10.0, 10.1, 10.0 + RESTART).state is State.DOWN


def test_a_slow_probe_that_began_during_the_restart_is_no_outage() -> None:
    assert after(REFUSED, 11.6, health=after(REFUSED, 10.0), took=1.0).state is State.UP


def test_other_failures_need_not_last() -> None:
    assert after(TIMEOUT, 10.0, 10.1).state is State.DOWN


def test_a_target_that_has_no_state_yet_gets_one_at_once() -> None:
    assert after(REFUSED, 10.0, 10.1, health=Health()).state is State.DOWN


@pytest.mark.parametrize(("now", "confirms"), [(10.0, False), (11.4, False), (11.5, True)])
def test_a_failed_pulse_confirms_a_refusal_that_lasts(now: float, *, confirms: bool) -> None:
    health = after(REFUSED, 10.0)
    policy = policy_for_refusals(HealthPolicy(), ProbeResult("a", now, 0.0, None, (), REFUSED), UP)
    assert may_confirm(health, policy, now) is confirms
