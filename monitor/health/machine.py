"""The up / degraded / down state of a target: a pure state machine with hysteresis and flap
damping."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.health import flapping
from monitor.health.flapping import Flaps
from monitor.model.causes import Cause, Severity
from monitor.model.diagnosis import Diagnosis
from monitor.model.state import State


@dataclass(frozen=True, slots=True)
class Health:
    """How a target stands since when (Unix seconds), and the run of results behind it.

    ``cause`` is that of the last result that agrees with ``state``; of a target that is only
    degraded because it flaps, that of the last bad one. ``failing_since`` is when the failures
    in a row began.
    """

    state: State = State.UNKNOWN
    since: float = 0.0
    cause: Cause | None = None
    failures_in_row: int = 0
    successes_in_row: int = 0
    failing_since: float = 0.0
    flaps: Flaps = Flaps()

    @property
    def flapping(self) -> bool:
        """Whether it changes too often: it is not called up before it has been calm."""
        return self.flaps.flapping


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How many results in a row change a state. The first result of all decides alone
    where it is a success: nothing is claimed about an endpoint nobody has reached.

    A target that flaps is degraded, and down only once it has failed for
    ``flapping_down_after`` seconds: shorter gaps are what flapping means.
    """

    down_after: int = 2
    up_after: int = 1
    flapping_down_after: float = 60.0


def advance(health: Health, diagnosis: Diagnosis, now: float, policy: HealthPolicy) -> Health:
    """Return the health after one more result."""
    seen = _counted(health, diagnosis, now)
    result = _state_of(diagnosis)
    settled = _may_fall(seen, now, policy) if result is State.DOWN else _may_rise(seen, policy)
    state = result if settled else health.state
    agrees = settled or result is health.state
    if seen.flapping and state is State.UP:
        return _stands(seen, State.DEGRADED, seen.flaps.cause, now)
    return _stands(seen, state, diagnosis.cause if agrees else health.cause, now)


def confirm(health: Health, diagnosis: Diagnosis, now: float) -> Health:
    """Return the health when something else than a second result confirms the last one."""
    return _stands(health, _state_of(diagnosis), diagnosis.cause, now)


def _counted(health: Health, diagnosis: Diagnosis, now: float) -> Health:
    flaps = flapping.after(health.flaps, diagnosis.cause, now)
    if _state_of(diagnosis) is not State.DOWN:
        succeeded = health.successes_in_row + 1
        return replace(health, failures_in_row=0, successes_in_row=succeeded, flaps=flaps)
    began = health.failing_since if health.failures_in_row else now
    return replace(
        health,
        failures_in_row=health.failures_in_row + 1,
        successes_in_row=0,
        failing_since=began,
        flaps=flaps,
    )


def _stands(health: Health, state: State, cause: Cause | None, now: float) -> Health:
    if state is health.state:
        return replace(health, cause=cause)
    flaps = flapping.moved(health.flaps, health.state, state, now)
    return replace(health, state=state, since=now, cause=cause, flaps=flaps)


def _state_of(diagnosis: Diagnosis) -> State:
    if diagnosis.cause is None:
        return State.UP
    degrading = diagnosis.cause.record.severity is Severity.DEGRADED
    return State.DEGRADED if degrading else State.DOWN


def _may_fall(seen: Health, now: float, policy: HealthPolicy) -> bool:
    if seen.failures_in_row < policy.down_after:
        return False
    lasted = now - seen.failing_since >= policy.flapping_down_after
    return lasted or not seen.flapping or seen.state is State.DOWN


def _may_rise(seen: Health, policy: HealthPolicy) -> bool:
    return seen.state is not State.DOWN or seen.successes_in_row >= policy.up_after
