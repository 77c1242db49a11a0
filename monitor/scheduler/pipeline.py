"""Everything that happens to one probe result, in order. Used by the daemon and by ``check``.

``Pipeline.process`` is the one place where a result becomes a state, an event and evidence for
incidents. Each step is a method; the steps share nothing but the status and the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from monitor.health.machine import Health, HealthPolicy, advance, confirm
from monitor.health.packet_loss import policy_after
from monitor.health.quality import assess, unsettled
from monitor.health.restart import may_confirm, policy_for_refusals
from monitor.health.status import TargetStatus
from monitor.health.timeline import HOUR, WEEK, observe
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import ProbeResult
from monitor.model.starvation import Starvation
from monitor.net.clock import Clock
from monitor.scheduler.rollup import Rollup
from monitor.state.events import Events, state_changed
from monitor.state.guard import Guard
from monitor.state.self_metrics import GuardedPart
from monitor.state.store import StateStore

log = structlog.get_logger(__name__)


class Pipeline:
    """Processes results. It neither probes nor waits."""

    def __init__(
        self,
        store: StateStore,
        events: Events,
        clock: Clock,
        *,
        policy: HealthPolicy | None = None,
        on_state: Callable[[TargetStatus, Diagnosis], None] = lambda _, __: None,
        on_result: Callable[[TargetStatus], None] = lambda _: None,
        guard: Guard | None = None,
    ) -> None:
        """``on_state`` is called with the status and the diagnosis of the result itself, after
        the state is known and before other readers: incidents are derived there.
        ``on_result`` is called last, once per result."""
        self._guard = guard or Guard(store.self_metrics)
        self.policy = policy or HealthPolicy()
        self.rollup = Rollup(store)
        self._store = store
        self._events = events
        self._clock = clock
        self._on_state = on_state
        self._on_result = on_result

    def process(
        self,
        status: TargetStatus,
        probe_result: ProbeResult,
        diagnosis: Diagnosis,
        *,
        corroborated: bool = False,
    ) -> Health:
        """Process one result of ``status`` and return the health before it.

        ``corroborated``: a failed pulse preceded it, so that one failure is enough. A result that
        is not admissible changes nothing. A step that raises is logged and counted; the others run
        all the same.
        """
        now, before, guard = self._clock.time(), status.health, self._guard
        self._store.self_metrics.last_completed_at = now
        self._store.self_metrics.last_progress = self._clock.monotonic()
        if probe_result.starvation is not None:
            self._discard(status, probe_result.starvation)
            return before
        with guard(GuardedPart.HEALTH):
            diagnosis = self._assess_quality(status, probe_result, diagnosis, now)
        with guard(GuardedPart.HEALTH):
            self._count(status, probe_result, diagnosis)
            self._advance_health(status, diagnosis, now, corroborated=corroborated)
        with guard(GuardedPart.HISTORY):
            self._remember(status, probe_result, now)
        with guard(GuardedPart.LISTENER):
            self._announce(status, before, now)
        with guard(GuardedPart.INCIDENTS):
            self._on_state(status, diagnosis)
        with guard(GuardedPart.EXPORTER):
            self._on_result(status)
        return before

    def _discard(self, status: TargetStatus, reason: Starvation) -> None:
        """Count a result that is inadmissible because this process did not run."""
        self._store.self_metrics.inadmissible[reason] += 1
        log.debug("probe discarded", target=status.target.id, reason=reason.value)

    def _assess_quality(
        self, status: TargetStatus, probe_result: ProbeResult, diagnosis: Diagnosis, now: float
    ) -> Diagnosis:
        """Compare latency and loss with the baseline: a success may be slow."""
        quality, diagnosis = assess(status.quality, status.target, probe_result, diagnosis, now)
        status.quality = quality
        return diagnosis

    def _count(self, status: TargetStatus, probe_result: ProbeResult, diagnosis: Diagnosis) -> None:
        status.probe_result = _without_body(probe_result)
        if probe_result.ok:
            status.last_success = status.probe_result
        status.probes += 1
        status.durations.observe(probe_result.duration)
        if diagnosis.cause is not None:
            status.failures[diagnosis.cause] += 1
            status.last_failure = diagnosis

    def _advance_health(
        self, status: TargetStatus, diagnosis: Diagnosis, now: float, *, corroborated: bool
    ) -> None:
        """Advance the state machine. A flapping target keeps the cause of its last failure."""
        policy = self.policy
        if status.probe_result is not None:
            policy = policy_after(policy, status.target, status.probe_result, status.health)
            policy = policy_for_refusals(policy, status.probe_result, status.health)
        health = advance(status.health, diagnosis, now, policy)
        if corroborated and health.failures_in_row and may_confirm(health, policy, now):
            health = confirm(health, diagnosis, now)
        status.health = health
        if health.flapping and diagnosis.cause is None and status.last_failure is not None:
            diagnosis = unsettled(health.flaps, status.target, status.last_failure, diagnosis)
        imposed = health.imposed is not None and diagnosis.cause is None
        if not (imposed and status.diagnosis is not None and status.diagnosis.cause is not None):
            status.diagnosis = diagnosis

    def _remember(self, status: TargetStatus, probe_result: ProbeResult, now: float) -> None:
        latency = sum(probe_result.phases.values()) if probe_result.ok else None
        state = status.state
        status.timeline = observe(status.timeline, state, latency, now)
        status.minutes = observe(status.minutes, state, latency, now, HOUR)
        status.hours = observe(status.hours, state, latency, now, WEEK)

    def _announce(self, status: TargetStatus, before: Health, now: float) -> None:
        """Log the result, and publish what changed: state, issuer, preferred gateway."""
        result, diagnosis = status.probe_result, status.diagnosis
        if result is None or diagnosis is None:
            return
        log.debug(
            "probed",
            target=status.target.id,
            ok=result.ok,
            cause=diagnosis.cause,
            seconds=round(result.duration, 4),
        )
        if status.state is not before.state:
            self._events.publish(state_changed(status, diagnosis, now))
        self._events.publish(*self.rollup.take_in(status, now))


def _without_body(probe_result: ProbeResult) -> ProbeResult:
    """Return the result without response bodies: diagnosis was their only reader."""
    connections = tuple(
        replace(c, http=replace(c.http, body=b"")) if c.http and c.http.body else c
        for c in probe_result.connections
    )
    alternate = probe_result.alternate
    return replace(
        probe_result,
        connections=connections,
        alternate=_without_body(alternate) if alternate else None,
    )
