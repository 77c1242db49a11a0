"""Two failures that two lost SYNs each explain do not show that a target is down; three do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.health.machine import Health, HealthPolicy, advance
from monitor.health.packet_loss import ENOUGH_SYNS, policy_after
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import Failure, FailureKind, Phase
from monitor.model.state import State
from tests.probe_results import probe_result, target


def failures_until_down(failure: Failure, timeout: float, begin: Health) -> int:
    """Return the number of failures in a row after which the target is down."""
    tried, health = replace(target("a"), timeout=timeout), begin
    result = replace(probe_result("a"), failure=failure)
    for number in range(1, 9):
        policy = policy_after(HealthPolicy(), tried, result, health)
        health = advance(health, Diagnosis(Cause.TCP_TIMEOUT), float(number), policy)
        if health.state is State.DOWN:
            return number
    raise AssertionError("never down")


UP = Health(State.UP, 0.0)
NO_ANSWER = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "")


@pytest.mark.parametrize(
    ("failure", "timeout", "begin", "needed"),
    [
        pytest.param(NO_ANSWER, 3.0, UP, 3, id="two SYNs lost per failure"),
        pytest.param(NO_ANSWER, 10.0, UP, 2, id="four SYNs lost per failure"),
        pytest.param(NO_ANSWER, ENOUGH_SYNS, UP, 2, id="the fourth SYN is sent"),
        pytest.param(NO_ANSWER, 3.0, Health(), 2, id="never up"),
        pytest.param(Failure(Phase.CONNECT, FailureKind.OS_ERROR, ""), 3.0, UP, 2, id="refused"),
        pytest.param(
            Failure(Phase.TLS, FailureKind.TIMEOUT, ""), 3.0, UP, 2, id="data resent often"
        ),
    ],
)
def test_failures_until_a_target_is_down(
    failure: Failure, timeout: float, begin: Health, needed: int
) -> None:
    assert failures_until_down(failure, timeout, begin) == needed
