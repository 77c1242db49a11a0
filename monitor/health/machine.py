"""The up / degraded / down state of a target: a pure state machine with hysteresis and flap
damping."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.health import flapping
from monitor.health.flapping import Flaps
from monitor.model.causes import Cause, Severity
from monitor.model.diagnosis import Diagnosis
from monitor.model.state import State

MEASURED_ONCE = frozenset({Cause.ADDRESS_FAILED, Cause.DNS_PARTIAL})
"""Causes of a degraded target that one lost packet can show: they need a second result."""


@dataclass(frozen=True, slots=True)
class Health:
    """State of a target, since when (Unix seconds), and the run of results behind it.

    ``cause`` is that of the last result that agrees with ``state``; of a target that is only
    degraded because it flaps, that of the last bad one. ``failing_since`` is when the failures
    in a row began; ``unwell_in_row`` counts results with any cause. ``imposed`` is the state that
    an incident gives the target, None if there is none; ``own`` and ``own_since`` are then what
    its own results show.
    """

    state: State = State.UNKNOWN
    since: float = 0.0
    cause: Cause | None = None
    failures_in_row: int = 0
    successes_in_row: int = 0
    unwell_in_row: int = 0
    failing_since: float = 0.0
    flaps: Flaps = Flaps()
    imposed: State | None = None
    own: State = State.UNKNOWN
    own_since: float = 0.0

    @property
    def measured(self) -> State:
        """The state that the target's own results show, whatever an incident imposes."""
        return self.own if self.imposed is not None else self.state

    @property
    def unconfirmed(self) -> bool:
        """Whether the last result has a cause that the state does not show yet."""
        return self.unwell_in_row > 0 and self.measured in {State.UP, State.UNKNOWN}

    @property
    def flapping(self) -> bool:
        """Whether it changes too often: it is not up again before a calm period."""
        return self.flaps.flapping


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """Number of consecutive results that change a state. A first result that is a success
    decides alone; an endpoint that was never reached needs several failures.

    ``lasting`` is the time in seconds for which failures have to last at least.

    A target that flaps is degraded, and down only once it has failed for
    ``flapping_down_after`` seconds: shorter gaps are what flapping means.
    """

    down_after: int = 2
    up_after: int = 1
    flapping_down_after: float = 60.0
    lasting: float = 0.0


def advance(health: Health, diagnosis: Diagnosis, now: float, policy: HealthPolicy) -> Health:
    """Return the health after one more result. A state that an incident imposes stays until the
    incident changes it."""
    if health.imposed is not None:
        return impose(advance(_bare(health), diagnosis, now, policy), health.state, health.since)
    seen = _counted(health, diagnosis, now)
    result = state_of(diagnosis)
    settled = _is_settled(seen, result, diagnosis, now, policy)
    state = result if settled else health.state
    agrees = settled or result is health.state
    if seen.flapping and state is State.UP:
        return _stands(seen, State.DEGRADED, seen.flaps.cause, now)
    return _stands(seen, state, diagnosis.cause if agrees else health.cause, now)


def confirm(health: Health, diagnosis: Diagnosis, now: float) -> Health:
    """Return the health when something else than a second result confirms the last one."""
    return _stands(_bare(health), state_of(diagnosis), diagnosis.cause, now)


def impose(health: Health, state: State | None, now: float) -> Health:
    """Return the health with the state that an incident gives the target, or with the state of
    its own results if ``state`` is None. A target without a result stays unknown."""
    bare = _bare(health)
    if bare.state is State.UNKNOWN:
        return bare
    if state is None:
        if health.imposed is None:
            return health
        return replace(bare, since=health.since if bare.state is health.state else now)
    since = health.since if health.state is state else now
    return replace(
        bare, imposed=state, own=bare.state, own_since=bare.since, state=state, since=since
    )


def _bare(health: Health) -> Health:
    if health.imposed is None:
        return health
    return replace(health, state=health.own, since=health.own_since, imposed=None)


def calm(health: Health, now: float) -> Health:
    """Return the health of a target whose intermittent fault is known to be over: it no longer
    counts as flapping, and it is up if its last result was good."""
    health = _bare(health)
    quiet = replace(health, flaps=Flaps())
    if health.state is State.DEGRADED and health.flapping and not health.failures_in_row:
        return replace(quiet, state=State.UP, since=now, cause=None)
    return quiet


def _counted(health: Health, diagnosis: Diagnosis, now: float) -> Health:
    flaps = flapping.after(health.flaps, diagnosis.cause, now)
    unwell = health.unwell_in_row + 1 if diagnosis.cause is not None else 0
    health = replace(health, unwell_in_row=unwell)
    if state_of(diagnosis) is not State.DOWN:
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


def state_of(diagnosis: Diagnosis) -> State:
    """Return the state that a diagnosis leads to once it is confirmed."""
    if diagnosis.cause is None:
        return State.UP
    degrading = diagnosis.cause.record.severity is Severity.DEGRADED
    return State.DEGRADED if degrading else State.DOWN


def _is_settled(
    seen: Health, result: State, diagnosis: Diagnosis, now: float, policy: HealthPolicy
) -> bool:
    """Return whether the latest result may decide the state: a single lost packet may not."""
    if result is State.DOWN:
        return _may_fall(seen, now, policy)
    if diagnosis.cause in MEASURED_ONCE and seen.unwell_in_row < policy.down_after:
        return False
    return _may_rise(seen, policy)


def _may_fall(seen: Health, now: float, policy: HealthPolicy) -> bool:
    if seen.failures_in_row < policy.down_after or now - seen.failing_since < policy.lasting:
        return False
    lasted = now - seen.failing_since >= policy.flapping_down_after
    return lasted or not seen.flapping or seen.state is State.DOWN


def _may_rise(seen: Health, policy: HealthPolicy) -> bool:
    return seen.state is not State.DOWN or seen.successes_in_row >= policy.up_after
