"""The up / degraded / down state of a target: a pure state machine with hysteresis."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.model import Cause, State, Verdict

DEGRADING = frozenset(
    {Cause.SLOW, Cause.CLOCK_SKEW, Cause.VPC_ENDPOINT_DENIED, Cause.ADDRESS_FAILED}
)
"""Causes under which the endpoint still answers. A VPC endpoint's policy that denies a
request without credentials may well allow the runner's role: it is told, not called down."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a target stands since when (Unix seconds), and the run of results behind it.

    ``cause`` is that of the last result that agrees with ``state``.
    """

    state: State = State.UNKNOWN
    since: float = 0.0
    cause: Cause | None = None
    failures_in_row: int = 0
    successes_in_row: int = 0


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How many results in a row change a state. The first result of all decides alone
    where it is a success: nothing is claimed about an endpoint nobody has reached."""

    down_after: int = 2
    up_after: int = 1


def advance(health: Health, verdict: Verdict, now: float, policy: HealthPolicy) -> Health:
    """Return the health after one more result."""
    result = _state_of(verdict)
    failed = result is State.DOWN
    failures = health.failures_in_row + 1 if failed else 0
    successes = 0 if failed else health.successes_in_row + 1
    settled = failures >= policy.down_after if failed else _may_rise(health, successes, policy)
    state = result if settled else health.state
    cause = verdict.cause if settled or result is health.state else health.cause
    since = now if state is not health.state else health.since
    return Health(state, since, cause, failures, successes)


def confirm(health: Health, verdict: Verdict, now: float) -> Health:
    """Return the health when something else than a second result confirms the last one."""
    state = _state_of(verdict)
    since = now if state is not health.state else health.since
    return replace(health, state=state, since=since, cause=verdict.cause)


def _state_of(verdict: Verdict) -> State:
    if verdict.cause is None:
        return State.UP
    return State.DEGRADED if verdict.cause in DEGRADING else State.DOWN


def _may_rise(health: Health, successes: int, policy: HealthPolicy) -> bool:
    return health.state is not State.DOWN or successes >= policy.up_after
