"""Keeps the open incidents in step with the statuses: correlation, follow-up probes, events."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

from monitor.diagnosis.clock import estimate
from monitor.health import redundancy
from monitor.health.machine import confirm
from monitor.health.status import TargetStatus
from monitor.incidents.followup_plan import FollowUp
from monitor.incidents.followup_runner import FollowUpRunner
from monitor.incidents.incident_log import awaiting, updated_incident_log
from monitor.incidents.lifecycle import correlate
from monitor.incidents.starved_host import starved_host
from monitor.model.causes import Cause
from monitor.model.probe_result import ProbeResult
from monitor.model.starvation import HostStarvation
from monitor.model.state import State
from monitor.net.clock import Clock
from monitor.scheduler.corroborate import corroborated
from monitor.state.events import (
    Events,
    incident_explained,
    incidents_changed,
    redundant_groups_changed,
    state_changed,
)
from monitor.state.guard import Guard
from monitor.state.self_metrics import GuardedPart
from monitor.state.store import StateStore

CORRELATION_SHARE = 1 / 20
"""Upper bound of the share of time spent on correlation. With 80 targets it runs after every
result; when 2,000 targets fail at once it runs twice a second."""


class IncidentTracker:
    """Derives incidents from the statuses in the store and publishes their changes."""

    def __init__(
        self,
        store: StateStore,
        events: Events,
        clock: Clock,
        run_follow_up: Callable[[FollowUp], Coroutine[Any, Any, ProbeResult]],
        *,
        guard: Guard | None = None,
    ) -> None:
        self._guard = guard or Guard(store.self_metrics)
        self._store = store
        self._events = events
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = -math.inf
        self.follow_ups = FollowUpRunner(run_follow_up, self._explain)

    def take_in(self, _: TargetStatus) -> None:
        """Take in the newest result of a status: confirm what several targets show together,
        then correlate soon."""
        self._confirm_corroborated(self._clock.time())
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._not_before, self._correlate_in_turn)

    def take_in_starvation(self, starvation: HostStarvation | None) -> None:
        """Take in whether this process gets to run, and open or close the incident about it."""
        before, self._store.starvation = self._store.starvation, starvation
        if (before is None) != (starvation is None):
            with self._guard(GuardedPart.INCIDENTS):
                self.correlate()

    def correlate(self) -> None:
        """Derive the incidents from the statuses now."""
        now = self._clock.time()
        statuses = tuple(self._store.statuses.values())
        self._rollup_redundant_groups(now)
        clock = estimate(((s.target.host, s.probe_result) for s in statuses), now)
        self._store.clock = clock
        wrong = (clock is not None and clock.skewed) or self._store.starvation is not None
        if not self._store.incidents and not wrong and all(map(_is_well, statuses)):
            return
        before = self._store.incidents
        others = tuple(i for i in before if i.cause is not Cause.STARVED_HOST)
        incidents = self.follow_ups.consider(correlate(statuses, others, now), statuses)
        incidents += awaiting(others, incidents, [s.target.id for s in statuses if _awaits(s)])
        incidents = (*starved_host(self._store.starvation, before), *incidents)
        self._events.publish(*incidents_changed(before, incidents, now))
        self._store.incidents = incidents
        self._store.incident_log = updated_incident_log(self._store.incident_log, incidents, now)

    def _correlate_in_turn(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._timer = None
        with self._guard(GuardedPart.INCIDENTS):
            self.correlate()
        self._not_before = begun + (loop.time() - begun) / CORRELATION_SHARE

    def _confirm_corroborated(self, now: float) -> None:
        for status in corroborated(tuple(self._store.statuses.values())):
            if status.diagnosis is not None:
                status.health = confirm(status.health, status.diagnosis, now)
                self._events.publish(state_changed(status, status.diagnosis, now))

    def _rollup_redundant_groups(self, now: float) -> None:
        before = self._store.redundant_groups
        pairs = ((s.target, s.state) for s in self._store.statuses.values())
        self._store.redundant_groups = after = redundancy.rollup(pairs, before, now)
        self._events.publish(*redundant_groups_changed(before, after, now))

    def _explain(self, incident_id: str) -> None:
        """Correlate with the new follow-up results of an incident, and publish it again."""
        self.correlate()
        for incident in self._store.incidents:
            if incident.id == incident_id:
                self._events.publish(incident_explained(incident, self._clock.time()))


def _is_well(status: TargetStatus) -> bool:
    """Return whether the target is up and no connection of its last probe failed."""
    result = status.probe_result
    failed = result is not None and any(c.failure for c in result.connections)
    return status.state is State.UP and not failed


def _awaits(status: TargetStatus) -> bool:
    return status.state is State.UNKNOWN and not status.target.missing_values
