"""Keeps the open incidents in step with the results: evidence, follow-up probes, events."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from monitor.diagnosis.clock import estimate
from monitor.health import redundancy
from monitor.health.machine import Health, calm, confirm
from monitor.health.status import TargetStatus
from monitor.incidents.followup_plan import FollowUp, Outcome
from monitor.incidents.followup_runner import FollowUpRunner
from monitor.incidents.imposed import imposed, released
from monitor.incidents.incident_log import awaiting, updated_incident_log
from monitor.incidents.inference import Evaluation, EvidenceEngine
from monitor.incidents.starved_host import starved_host
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Incident, Scope
from monitor.model.path import FlowTest
from monitor.model.starvation import HostStarvation
from monitor.model.state import State
from monitor.net.clock import Clock
from monitor.state.events import (
    Event,
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
"""Upper bound of the share of time spent on judging the evidence. With 80 targets it is judged
after every result; when 2,000 targets fail at once, about twice a second."""

GATHER = 0.3
"""Seconds for which results are gathered after a target begins to fail, before an incident opens:
what one fault breaks at the same time is one incident from the start."""

SLICE = 0.005
"""Time for which the event loop is held at once: 5 ms. The rest is done in later slices."""

EVENTS_PER_STEP = 20
"""Events published before other work may run: 20, about 2 ms."""

CLOCK_PAUSE = 0.0025
"""Interval at which the host's clock is estimated from the results: 2.5 ms per target."""


_NARROW = frozenset({Scope.ENDPOINT, Scope.HOST})
"""Scopes of incidents whose extent needs no further probes."""


class IncidentTracker:
    """Derives incidents from the results and publishes their changes."""

    def __init__(
        self,
        store: StateStore,
        events: Events,
        clock: Clock,
        run_follow_up: Callable[[FollowUp], Coroutine[Any, Any, Outcome]],
        *,
        guard: Guard | None = None,
        on_wide: Callable[[Incident], None] = lambda _: None,
    ) -> None:
        """``on_wide`` is called with each incident that opens and affects more than an endpoint."""
        self._on_wide = on_wide
        self._guard = guard or Guard(store.self_metrics)
        self._store = store
        self._events = events
        self._clock = clock
        self._engine = EvidenceEngine()
        self._restored = False
        self._steps: Iterator[None] | None = None
        self._timer: asyncio.Handle | None = None
        self._not_before = self._gather_until = self._clock_due = -math.inf
        self._spent = 0.0
        self._wanted = False
        self._explained: set[str] = set()
        self._imposed: set[str] = set()
        self.follow_ups = FollowUpRunner(run_follow_up, self._explain, self._take_in_flows)
        store.settle = self.settle

    def apply(self) -> None:
        """Take over the targets in the store, and judge what is left of the evidence."""
        if not self._restored:
            self._restored = True
            self._engine.restore(self._store.incidents)
        self._engine.apply([s.target for s in self._store.statuses.values()])
        self._rollup_redundant_groups(self._clock.time())
        self.evaluate()

    def evaluate(self) -> None:
        """Judge the evidence now, in one go."""
        self._stop()
        for _ in self._evaluation():
            pass

    async def settle(self) -> None:
        """Judge the evidence so far without the usual pause, still in slices; what begins to fail
        is gathered first."""
        await asyncio.sleep(self._gather_until - asyncio.get_running_loop().time())
        for _ in range(2):  # what is being judged, and what came since
            while self._steps is not None:
                self._slice_now()
                await asyncio.sleep(0)
            if self._wanted:
                self._slice_now()

    def _slice_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._slice()

    def take_in(self, status: TargetStatus, diagnosis: Diagnosis) -> None:
        """Take in the newest result of a status, with the diagnosis of the result itself."""
        if status.probe_result is None:
            return
        changed = self._engine.observe(
            status.target, status.probe_result, diagnosis, status.health, slow=status.getting_slow
        )
        now = asyncio.get_running_loop().time()
        if status.target.endpoint.redundancy_group:
            self._rollup_redundant_groups(self._clock.time())
        if now >= self._clock_due:
            self._clock_due = now + CLOCK_PAUSE * len(self._store.statuses)
            self._estimate_clock()
        if changed and status.health.failures_in_row == 1 and now >= self._gather_until + GATHER:
            self._gather_until = now + GATHER
        if changed or self._store.incidents:
            self._evaluate_soon()

    def _evaluate_soon(self) -> None:
        self._wanted = True
        if self._timer is None:
            loop = asyncio.get_running_loop()
            at = max(self._not_before, self._gather_until, loop.time())
            self._timer = loop.call_at(at, self._slice)

    def take_in_starvation(self, starvation: HostStarvation | None) -> None:
        """Take in whether this process gets to run, and open or close the incident about it."""
        before, self._store.starvation = self._store.starvation, starvation
        if (before is None) != (starvation is None):
            with self._guard(GuardedPart.INCIDENTS):
                self.evaluate()

    def _slice(self) -> None:
        """Judge the evidence for ``SLICE`` seconds; what is left is done a little later."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._timer = None
        with self._guard(GuardedPart.INCIDENTS):
            self._judge(begun)
        self._spent += loop.time() - begun
        if self._steps is not None:
            self._timer = loop.call_soon(self._slice)
            return
        self._not_before = loop.time() + self._spent * (1 / CORRELATION_SHARE - 1)
        if self._wanted:
            self._evaluate_soon()

    def _judge(self, begun: float) -> None:
        loop = asyncio.get_running_loop()
        steps = self._steps
        if steps is None:
            self._wanted, self._spent = False, 0.0
            steps = self._evaluation()
        self._steps = None
        for _ in steps:
            if loop.time() - begun >= SLICE:
                self._steps = steps
                return

    def _evaluation(self) -> Iterator[None]:
        """Judge the evidence and publish what it amounts to; yields at points at which to pause."""
        for evaluation in self._engine.steps(self._clock.time()):
            yield
            if evaluation is not None:
                for number, event in enumerate(self._finish(evaluation), 1):
                    self._events.publish(event)
                    if number % EVENTS_PER_STEP == 0:
                        yield

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._steps = None

    def _finish(self, evaluation: Evaluation) -> list[Event]:
        """Store what the evidence amounts to, states and incidents at once so that readers never
        see them contradict each other, and return the events."""
        now = self._clock.time()
        before, events = self._store.incidents, list[Event]()
        self._settle_states(evaluation, now, events)
        statuses = tuple(self._store.statuses.values())
        incidents = self.follow_ups.consider(evaluation.incidents, statuses)
        self._impose_states(evaluation.states, incidents, now, events)
        if others := tuple(i for i in before if i.cause is not Cause.STARVED_HOST):
            incidents += awaiting(others, incidents, [s.target.id for s in statuses if _awaits(s)])
        incidents = (*starved_host(self._store.starvation, before), *incidents)
        if any(incident.cause is Cause.CLOCK_SKEW for incident in incidents):
            self._estimate_clock()
        if incidents != before:
            known = {incident.id for incident in before if incident.scope not in _NARROW}
            for incident in incidents:
                if incident.scope not in _NARROW and incident.id not in known:
                    self._on_wide(incident)
            events += incidents_changed(before, incidents, now)
            self._store.incidents = incidents
            log = updated_incident_log(self._store.incident_log, incidents, now)
            self._store.incident_log = log
        shown = {event.subject for event in events if "confidence" in event.facts}
        explained = self._explained - shown
        events += [incident_explained(i, now) for i in incidents if i.id in explained]
        self._explained.clear()
        return events

    def _settle_states(self, evaluation: Evaluation, now: float, events: list[Event]) -> None:
        """Confirm what several targets show together, and calm what failed in part till now."""
        for name in evaluation.corroborated:
            status = self._store.statuses.get(name)
            if status is not None and status.diagnosis is not None and status.cause is not None:
                self._change(status, confirm(status.health, status.diagnosis, now), now, events)
        for name in evaluation.calmed:
            if (status := self._store.statuses.get(name)) is not None:
                self._change(status, calm(status.health, now), now, events)

    def _impose_states(
        self,
        states: Mapping[str, State],
        incidents: tuple[Incident, ...],
        now: float,
        events: list[Event],
    ) -> None:
        """Give the targets the states that only their incidents show, and take these back."""
        owners = {name: i for i in incidents for name in i.affected} if states else {}
        for name in self._imposed - states.keys():
            if (status := self._store.statuses.get(name)) is not None:
                health, status.diagnosis = released(status, now)
                self._change(status, health, now, events)
        for name, state in states.items():
            status, incident = self._store.statuses.get(name), owners.get(name)
            if status is not None and incident is not None:
                health, status.diagnosis = imposed(status, state, incident, now)
                self._change(status, health, now, events)
        self._imposed = set(states)

    def _change(
        self, status: TargetStatus, health: Health, now: float, events: list[Event]
    ) -> None:
        before, status.health = status.state, health
        self._engine.settle(status.target.id, health)
        if status.state is not before and status.diagnosis is not None:
            events.append(state_changed(status, status.diagnosis, now))

    def _estimate_clock(self) -> None:
        statuses = self._store.statuses.values()
        pairs = ((s.target.host, s.probe_result) for s in statuses)
        self._store.clock = estimate(pairs, self._clock.time())

    def _rollup_redundant_groups(self, now: float) -> None:
        before = self._store.redundant_groups
        pairs = ((s.target, s.state) for s in self._store.statuses.values())
        self._store.redundant_groups = after = redundancy.rollup(pairs, before, now)
        self._events.publish(*redundant_groups_changed(before, after, now))

    def _take_in_flows(self, target_id: str, test: FlowTest) -> None:
        """Take in connections by source port: if only some fail, the fault is a partial one."""
        self._engine.observe_flows(target_id, test, self._clock.time())

    def _explain(self, incident_id: str) -> None:
        """Judge again with the new follow-up results of an incident, and publish it."""
        self._explained.add(incident_id)
        self._evaluate_soon()


def _awaits(status: TargetStatus) -> bool:
    return status.state is State.UNKNOWN and not status.target.missing_values
