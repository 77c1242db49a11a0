"""The probe loop: starts each target's probe in its slot and hands the result to the pipeline.

The main loop is ``ProbeLoop.probe_forever``; what happens to a result is
``monitor.scheduler.pipeline``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random

import structlog

from monitor.common.rate_limit import MinInterval, TokenBucket
from monitor.health.machine import Health
from monitor.health.status import TargetStatus
from monitor.incidents.followup_plan import FollowUp, Outcome
from monitor.model.incident import Incident
from monitor.model.starvation import HostStarvation
from monitor.model.state import State
from monitor.model.target import Target
from monitor.net.clock import Clock
from monitor.scheduler.corroborate import corroborating_targets, extent_targets
from monitor.scheduler.engine import Engine
from monitor.scheduler.incident_tracker import IncidentTracker
from monitor.scheduler.pipeline import Pipeline
from monitor.scheduler.probe_request import ProbeRequest, ProbeRequests
from monitor.scheduler.pulse_plan import limits_rate, wants_fewer_requests
from monitor.scheduler.schedule import Schedule, next_slot, recheck_delay, slots_between
from monitor.scheduler.spacing import Spacing
from monitor.state.events import Events
from monitor.state.guard import Guard
from monitor.state.history_store import HistoryStore
from monitor.state.self_metrics import GuardedPart
from monitor.state.store import StateStore

RAMP = 5.0
"""Seconds over which targets are spread that are due at once: at the start, and after a stall of
the host."""

CONFIRM_AFTER = (0.05, 0.2)
"""Delay before a failure is confirmed by another probe, in seconds (range)."""

SUSPECT_AFTER = (0.4, 1.0)
"""Seconds without a result after which a target that was up is suspect: three times its last
duration, within this range."""

REFUSED_PAUSE = 0.4
"""Additional delay, in seconds, from the second failure on of a target that fails at once."""

CORROBORATING_TARGETS = 8
EXTENT_TARGETS = 75
"""Targets probed when a wide incident opens: the full catalog, within three seconds."""

PROBED_PER_PULSE = 4
"""Targets probed when a pulse changes; the others that use the way out follow by corroboration."""

PULSE_VALID = 10.0
"""Seconds for which a failed pulse counts as the first failure of a target."""

ROUND_PAUSE = 5.0
"""Minimum interval between two rounds of corroborating probes, in seconds: an outage must not cause
a storm of probes."""

RECOVERY_PAUSE = 3.0
"""Minimum interval between two rounds of probes of what is down, in seconds: a server that restarts
answers to some before it answers to all."""

CONFIRMATIONS_PER_SECOND = 25.0
LATE = 1.0

log = structlog.get_logger(__name__)


class ProbeLoop:
    """Probes targets on a schedule. It starts without targets: ``apply`` sets them."""

    def __init__(
        self,
        store: StateStore,
        engine: Engine,
        events: Events,
        *,
        history_store: HistoryStore,
        clock: Clock,
        random: Random,
        on_result: Callable[[TargetStatus], None] = lambda _: None,
        guard: Guard | None = None,
    ) -> None:
        """``on_result`` is called with each status that has a new result."""
        self._guard = guard or Guard(store.self_metrics)
        self.engine = engine
        self._store = store
        self._history_store = history_store
        self._random = random
        self._incidents = IncidentTracker(
            store,
            events,
            clock,
            self._run_follow_up,
            guard=self._guard,
            on_wide=self._probe_extent,
        )
        self._pipeline = Pipeline(
            store,
            events,
            clock,
            on_state=self._incidents.take_in,
            on_result=on_result,
            guard=self._guard,
        )
        self._schedule = Schedule()
        self._spacing = Spacing()
        self._requests, self._clock = ProbeRequests(), clock
        self._changed = asyncio.Event()
        self._respread: set[str] = set()
        self._pulse_failed: dict[str, float] = {}
        self._requested_at: dict[str, float] = {}
        self._suspicions, self._recoveries = MinInterval(ROUND_PAUSE), MinInterval(RECOVERY_PAUSE)
        self._next_recovery: asyncio.TimerHandle | None = None
        self._recovered_at = -math.inf
        self._confirmations = TokenBucket(CONFIRMATIONS_PER_SECOND, CONFIRMATIONS_PER_SECOND)
        self.follow_ups = self._incidents.follow_ups

    def apply(self, targets: Sequence[Target]) -> None:
        """Replace the targets in the store and the schedule. A target whose probe did not change
        keeps its status."""
        now = asyncio.get_running_loop().time()
        self._spacing.place(targets)
        old = self._store.statuses
        statuses: dict[str, TargetStatus] = {}
        for target in targets:
            kept = old.get(target.id)
            if kept is not None and _same_probe(kept.target, target):
                if kept.target != target:
                    kept.target = target
                    self._start(target, now)
                statuses[target.id] = kept
            else:
                statuses[target.id] = TargetStatus(
                    target,
                    timeline=self._history_store.timeline_of(target),
                    hours=self._history_store.hours_of(target),
                    quality=self._history_store.quality_of(target),
                    issuers=self._history_store.issuers_of(target),
                )
                self._start(target, now)
        for gone in old.keys() - statuses.keys():
            self._schedule.remove(gone)
            self._pulse_failed.pop(gone, None)
            self._requested_at.pop(gone, None)
        self._store.statuses = statuses
        self._pipeline.rollup.reload()
        self._incidents.apply()
        self._changed.set()

    async def probe_forever(self, group: asyncio.TaskGroup) -> None:
        """Run the main loop: wait for the next target that is due and start its probe.

        A target is in the schedule only while it is not being probed, so it never overlaps itself;
        its probe puts it back.
        """
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            due = self._schedule.next_due()
            if due is None or due > loop.time():
                await self._sleep_until(due)
                continue
            for target_id, planned in self._schedule.pop_due(loop.time()):
                if not self._put_off(target_id, planned, loop.time()):
                    group.create_task(self._probe(target_id, planned))

    async def _sleep_until(self, due: float | None) -> None:
        """Sleep until ``due`` or until the schedule changes."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._changed.wait()

    def _put_off(self, target_id: str, planned: float, now: float) -> bool:
        """Spread targets that a stall of the host made due at once; at most once per target."""
        if now - planned <= LATE or target_id in self._respread:
            self._respread.discard(target_id)
            return False
        self._respread.add(target_id)
        self._schedule.set(target_id, now + self._spacing.fraction(target_id) * RAMP)
        return True

    async def _probe(self, target_id: str, planned: float) -> None:
        status = self._store.statuses.get(target_id)
        if status is None:
            return
        loop = asyncio.get_running_loop()
        target = status.target
        begun = loop.time()
        self._store.self_metrics.lateness.observe(max(0.0, begun - planned))
        self._store.self_metrics.in_flight += 1
        suspicion = loop.call_later(_suspect_after(status), self._suspect, status)
        try:
            probe_result, diagnosis = await self.engine.measure(target)
        finally:
            suspicion.cancel()
            self._store.self_metrics.in_flight -= 1
        current = self._store.statuses.get(target_id)
        if current is not status or current.target is not target:
            return  # a reload replaced it meanwhile, and put the new one on the agenda
        phase = self._offset(target)
        status.skipped += slots_between(planned, loop.time(), target.interval, phase)
        before = self._pipeline.process(
            status, probe_result, diagnosis, corroborated=self._pulse_confirms(status, begun)
        )
        with self._guard(GuardedPart.SCHEDULE):
            if probe_result.admissible:
                self._follow_up(status, before)
        # The target is in its next slot even if what chooses a better one fails.
        self._schedule.set(target_id, next_slot(loop.time(), target.interval, phase))
        with self._guard(GuardedPart.SCHEDULE):
            self._set_due(status, begun, loop.time())

    def _suspect(self, status: TargetStatus) -> None:
        """Probe a few targets that share an element with a suspect one."""
        if status.target.endpoint.interval is not None:
            return
        now = asyncio.get_running_loop().time()
        if status.health.state is State.UP and self._suspicions.over(now):
            self._probe_soon(
                corroborating_targets(status, self._store.statuses.values(), CORROBORATING_TARGETS),
                now,
            )

    def _probe_extent(self, incident: Incident) -> None:
        """Probe what a wide incident may affect, so that its extent is known within seconds."""
        now = asyncio.get_running_loop().time()
        statuses = self._store.statuses.values()
        self._probe_soon(extent_targets(incident, statuses, EXTENT_TARGETS), now)

    def _probe_soon(self, target_ids: Iterable[str], now: float) -> None:
        """Probe targets now, at a limited rate and with their full timeout: a limit stricter than
        the configured one would report outages that no client has. A target that is being probed
        is probed once more, because its probe may have begun before what is to be seen."""
        for target_id in target_ids:
            status = self._store.statuses.get(target_id)
            if status is None or status.target.endpoint.interval is not None:
                continue  # gone, or too expensive to be asked for the sake of another one
            if target_id in self._schedule:
                self._schedule.expedite(target_id, now + self._confirmations.reserve(now))
            else:
                self._requested_at[target_id] = now
        self._changed.set()

    def _follow_up(self, status: TargetStatus, before: Health) -> None:
        """Probe related targets if one that was up fails, or one that was down recovers."""
        if status.health.failures_in_row:
            self._suspect(status)
        elif before.measured is State.DOWN:
            self._recovered_at = asyncio.get_running_loop().time()
            self._probe_what_is_down()

    def _probe_what_is_down(self) -> None:
        """Probe what is down because something recovered, once per ``RECOVERY_PAUSE``: at once, or
        at the end of the pause."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._recoveries.over(now):
            down = [r for r in self._store.statuses.values() if r.health.measured is State.DOWN]
            self._probe_soon((r.target.id for r in down), now)
        elif self._next_recovery is None or self._next_recovery.when() <= now:
            delay = self._recoveries.remaining(now)
            self._next_recovery = loop.call_later(delay, self._probe_what_is_down)

    def suspect_way_out(self, target_ids: Sequence[str]) -> None:
        """Probe targets whose way out does not answer a pulse, with their full timeout."""
        self._probe_soon(target_ids[:PROBED_PER_PULSE], asyncio.get_running_loop().time())

    def way_out_changed(self, target_ids: Sequence[str], ok: bool) -> None:
        """Probe targets whose way out failed or recovered. A failed pulse is the first of the
        two failures that declare an outage."""
        now = asyncio.get_running_loop().time()
        for target_id in target_ids:
            if ok:
                self._pulse_failed.pop(target_id, None)
            else:
                self._pulse_failed[target_id] = now
        self._probe_soon(target_ids[:PROBED_PER_PULSE], now)

    def _pulse_confirms(self, status: TargetStatus, begun: float) -> bool:
        """Return whether a pulse failed shortly before a probe that began at ``begun``."""
        failed = self._pulse_failed.get(status.target.id)
        return failed is not None and abs(failed - begun) <= PULSE_VALID

    def probe_now(self, target_id: str) -> ProbeRequest:
        """Probe a target because a user asked for it, within limits.

        Raises:
            KeyError: if there is no such target.
        """
        now = asyncio.get_running_loop().time()
        outcome = self._requests.judge(self._store.statuses[target_id], self._clock.time(), now)
        if outcome is ProbeRequest.ACCEPTED:
            if not self._schedule.expedite(target_id, now):
                return ProbeRequest.IN_PROGRESS
            self._changed.set()
        return outcome

    async def _run_follow_up(self, follow_up: FollowUp) -> Outcome:
        return await self.engine.follow_up(follow_up)  # a reload may have replaced the engine

    def _set_due(self, status: TargetStatus, begun: float, now: float) -> None:
        """Put a target back into the schedule: in its next slot, or soon if its failure is
        unconfirmed or its probe began before it was requested or before another target recovered.
        What is down is probed again after some seconds, and then ever more rarely: pulses watch
        for its recovery."""
        target, health = status.target, status.health
        due = next_slot(now, target.interval, self._offset(target))
        unconfirmed = not limits_rate(status) and (
            health.unconfirmed or 0 < health.failures_in_row < self._pipeline.policy.down_after
        )
        outdated = self._requested_at.pop(target.id, -math.inf) >= begun or (
            health.failures_in_row > 0 and self._recovered_at >= begun
        )
        if unconfirmed or outdated:
            soon = now + self._random.uniform(*CONFIRM_AFTER)
            if health.failures_in_row >= 2 and _failed_at_once(status):
                soon += REFUSED_PAUSE  # a restart takes a second: a few looks are enough
            if outdated:  # a round has just taken what there was: this one queues behind it
                soon += self._confirmations.reserve(now)
            if soon < due and (outdated or self._confirmations.try_take(now)):
                due = soon
        elif health.failures_in_row and not wants_fewer_requests(status):
            delay = recheck_delay(health.failures_in_row, self._pipeline.policy.down_after)
            if now + delay < due and self._confirmations.try_take(now):
                due = now + delay
        self._schedule.set(target.id, due)
        self._changed.set()

    def take_in_starvation(self, starvation: HostStarvation | None) -> None:
        """Take in whether this process gets to run; open or close the incident about it."""
        self._incidents.take_in_starvation(starvation)

    def _start(self, target: Target, now: float) -> None:
        if not target.missing_values:
            ramp = min(RAMP, target.interval)
            self._schedule.set(target.id, now + self._spacing.fraction(target.id) * ramp)

    def _offset(self, target: Target) -> float:
        """Return the offset of the target's slots within its interval, in seconds."""
        return self._spacing.fraction(target.id) * target.interval


def _took(status: TargetStatus) -> float:
    """Return the duration of the last successful probe; 0 if it failed."""
    return status.probe_result.duration if status.probe_result and status.probe_result.ok else 0.0


def _failed_at_once(status: TargetStatus) -> bool:
    """Whether the last probe failed without waiting for an answer."""
    result = status.probe_result
    return result is not None and not result.ok and result.duration < SUSPECT_AFTER[0]


def _suspect_after(status: TargetStatus) -> float:
    soonest, latest = SUSPECT_AFTER
    return min(latest, max(soonest, 3 * _took(status)))


def _same_probe(one: Target, other: Target) -> bool:
    """Return whether two targets are probed in the same way, regardless of the interval. Another
    path of a wildcard sample at the same host is the same probe."""
    if one.endpoint.wildcard and one.endpoint.wildcard == other.endpoint.wildcard:
        one = replace(one, endpoint=replace(one.endpoint, path=other.endpoint.path))
    one = replace(
        one, interval=other.interval, timeout=other.timeout, wildcard_sample=other.wildcard_sample
    )
    return one == other
