"""Watches targets: probes each in its slot and keeps the board of how they stand.

The main loop is ``Watch.probe_forever``; what happens to each result is ``Watch.record``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random

import structlog

from monitor.common.rate_limit import Pause, TokenBucket
from monitor.diagnosis.clock import estimate
from monitor.health import redundancy
from monitor.health.machine import Health, HealthPolicy, advance, confirm
from monitor.health.quality import assess, unsettled
from monitor.health.status import Standing
from monitor.incidents.followup_plan import Look
from monitor.incidents.followup_runner import SecondLooks
from monitor.incidents.lifecycle import correlate
from monitor.model.diagnosis import Verdict
from monitor.model.probe_result import Attempt, Connection
from monitor.model.state import State
from monitor.model.target import Target
from monitor.net.clock import Clock
from monitor.scheduler.corroborate import companions, jointly_confirmed
from monitor.scheduler.engine import Engine
from monitor.scheduler.rollup import Survey
from monitor.scheduler.schedule import Agenda, next_slot, phase_of, slots_between
from monitor.state.events import (
    Events,
    incident_explained,
    incidents_changed,
    redundant_groups_changed,
    state_changed,
)
from monitor.state.history import awaiting, chronicle, observe
from monitor.state.history_store import Memory
from monitor.state.store import Board, Record

RAMP = 5.0
"""Seconds over which targets are spread that are all due at once: at the start, and after
the machine stood still."""

CONFIRM_AFTER = (0.05, 0.2)
"""Seconds after which a failure is confirmed by another probe."""

SUSPECT_AFTER = (0.4, 1.0)
"""Seconds without a result after which a target that was up is in doubt: three times what it
took last, within these."""

QUICK_TIMEOUT = 1.5
"""Seconds that a probe may take which confirms a failure or a doubt."""

COMPANIONS = 8
ROUND_PAUSE = 5.0
"""Seconds between two rounds of companions: what is down must not make a storm."""

CORRELATION_SHARE = 1 / 20
"""Of the time so much may go into looking for what failures share. With 80 targets that is at
once; when 2,000 targets fail at once, it is done twice a second and not at every result."""

CONFIRMATIONS_PER_SECOND = 25.0
LATE = 1.0

log = structlog.get_logger(__name__)


class Watch:
    """Probes targets on a schedule and keeps the board. It begins with none: ``apply`` says
    which there are."""

    def __init__(
        self,
        board: Board,
        engine: Engine,
        events: Events,
        *,
        memory: Memory,
        clock: Clock,
        random: Random,
        on_result: Callable[[Record], None] = lambda _: None,
    ) -> None:
        """``on_result`` is told of each record that has a new result."""
        self.engine = engine
        self._board = board
        self._events = events
        self._memory = memory
        self._clock = clock
        self._random = random
        self._on_result = on_result
        self._policy = HealthPolicy()
        self._survey = Survey(board)
        self._agenda = Agenda()
        self._changed = asyncio.Event()
        self._respread: set[str] = set()
        self._quick: set[str] = set()
        self._doubts, self._recoveries = Pause(ROUND_PAUSE), Pause(ROUND_PAUSE)
        self._recovered_at = -math.inf
        self._confirmations = TokenBucket(CONFIRMATIONS_PER_SECOND, CONFIRMATIONS_PER_SECOND)
        self._correlation: asyncio.TimerHandle | None = None
        self._correlate_from = -math.inf
        self.second_looks = SecondLooks(self._look, self._explain)

    def apply(self, targets: Sequence[Target]) -> None:
        """Make the board and the agenda those of ``targets``. A target that is probed as
        before keeps its record."""
        now = asyncio.get_running_loop().time()
        old = self._board.records
        records: dict[str, Record] = {}
        for target in targets:
            kept = old.get(target.id)
            if kept is not None and _same_probe(kept.target, target):
                if kept.target != target:
                    kept.target = target
                    self._start(target, now)
                records[target.id] = kept
            else:
                records[target.id] = Record(
                    target,
                    trace=self._memory.trace_of(target),
                    quality=self._memory.quality_of(target),
                    issuers=self._memory.issuers_of(target),
                )
                self._start(target, now)
        for gone in old.keys() - records.keys():
            self._agenda.remove(gone)
        self._board.records = records
        self._survey.renew()
        self._correlate(self._clock.time())
        self._changed.set()

    async def probe_forever(self, group: asyncio.TaskGroup) -> None:
        """The main loop: wait for the next target that is due, start its probe, again.

        A target is on the agenda only while it is not being probed, so it never overlaps
        itself; its probe puts it back.
        """
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            due = self._agenda.next_due()
            if due is None or due > loop.time():
                await self._sleep_until(due)
                continue
            for target_id, planned in self._agenda.pop_due(loop.time()):
                if not self._put_off(target_id, planned, loop.time()):
                    group.create_task(self._probe(target_id, planned))

    async def _sleep_until(self, due: float | None) -> None:
        """Sleep until ``due`` or until the agenda has changed."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._changed.wait()

    def _put_off(self, target_id: str, planned: float, now: float) -> bool:
        """Spread what a stall of the machine made due all at once; once a target only."""
        if now - planned <= LATE or target_id in self._respread:
            self._respread.discard(target_id)
            return False
        self._respread.add(target_id)
        self._agenda.set(target_id, now + phase_of(target_id, RAMP))
        return True

    async def _probe(self, target_id: str, planned: float) -> None:
        record = self._board.records.get(target_id)
        if record is None:
            return
        loop = asyncio.get_running_loop()
        target = record.target
        begun = loop.time()
        self._board.vitals.lateness.observe(max(0.0, begun - planned))
        self._board.vitals.in_flight += 1
        doubt = loop.call_later(_suspect_after(record), self._doubt, record)
        try:
            attempt, verdict = await self.engine.measure(self._as_due(record))
        finally:
            doubt.cancel()
            self._board.vitals.in_flight -= 1
        current = self._board.records.get(target_id)
        if current is not record or current.target is not target:
            return  # a reload replaced it meanwhile, and put the new one on the agenda
        phase = phase_of(target_id, target.interval)
        record.skipped += slots_between(planned, loop.time(), target.interval, phase)
        self.record(record, attempt, verdict)
        self._set_due(record, begun, loop.time())

    def _as_due(self, record: Record) -> Target:
        """Return the target as it is to be measured: quickly, where it only confirms. What
        takes long when it is well is given that time all the same."""
        target = record.target
        quick = target.id in self._quick
        self._quick.discard(target.id)
        if not quick or target.endpoint.interval is not None:
            return target
        return replace(target, timeout=min(target.timeout, max(QUICK_TIMEOUT, 3 * _took(record))))

    def _doubt(self, record: Record) -> None:
        """Have a few targets looked at that share something with one in doubt."""
        if record.target.endpoint.interval is not None:
            return
        now = asyncio.get_running_loop().time()
        if record.health.state is State.UP and self._doubts.over(now):
            self._look_at(companions(record, self._board.records.values(), COMPANIONS), now)

    def _look_at(self, target_ids: Iterable[str], now: float) -> None:
        """Probe targets now and quickly, at a bounded rate."""
        for target_id in target_ids:
            if self._board.records[target_id].target.endpoint.interval is not None:
                continue  # too expensive to be asked for the sake of another one
            due = now + self._confirmations.reserve(now)
            if self._agenda.expedite(target_id, due):
                self._quick.add(target_id)
        self._changed.set()

    def record(self, record: Record, attempt: Attempt, verdict: Verdict) -> None:
        """Take in one result: counters, health, incidents, and a line when a state changed."""
        before, now = record.health, self._clock.time()
        record.quality, verdict = assess(record.quality, record.target, attempt, verdict, now)
        record.attempt = _without_body(attempt)
        record.probes += 1
        record.durations.observe(attempt.duration)
        if verdict.cause is not None:
            record.failures[verdict.cause] += 1
            record.trouble = verdict
        record.health = advance(before, verdict, now, self._policy)
        record.verdict = verdict = _in_the_light_of(record, verdict)
        latency = sum(attempt.phases.values()) if attempt.ok else None
        record.trace = observe(record.trace, record.health.state, latency, now)
        self._board.vitals.last_completed_at = now
        log.debug(
            "probed",
            target=record.target.id,
            ok=attempt.ok,
            cause=verdict.cause,
            seconds=round(attempt.duration, 4),
        )
        if record.health.state is not before.state:
            self._events.tell(state_changed(record, verdict, now))
        self._events.tell(*self._survey.take_in(record, now))
        self._follow_up(record, before)
        self._confirm_jointly(now)
        self._correlate_soon()
        self._on_result(record)

    def _follow_up(self, record: Record, before: Health) -> None:
        """Look further when a target that was up fails, or one that was down recovers."""
        if record.health.failures_in_row:
            self._doubt(record)
        elif before.state is State.DOWN:
            self._recovered_at = now = asyncio.get_running_loop().time()
            if self._recoveries.over(now):
                down = [r for r in self._board.records.values() if r.health.state is State.DOWN]
                self._look_at((r.target.id for r in down), now)

    def _confirm_jointly(self, now: float) -> None:
        for record in jointly_confirmed(tuple(self._board.records.values())):
            if record.verdict is not None:
                record.health = confirm(record.health, record.verdict, now)
                self._events.tell(state_changed(record, record.verdict, now))

    def _correlate_soon(self) -> None:
        """Look for what failures share: at once, but not all the time."""
        if self._correlation is None:
            loop = asyncio.get_running_loop()
            self._correlation = loop.call_at(self._correlate_from, self._correlate_in_turn)

    def _correlate_in_turn(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._correlation = None
        self._correlate(self._clock.time())
        took = loop.time() - begun
        self._correlate_from = begun + took / CORRELATION_SHARE

    def _correlate(self, now: float) -> None:
        records = self._board.records.values()
        self._survey_redundant_groups(now)
        clock = estimate(((r.target.host, r.attempt) for r in records), now)
        self._board.clock = clock
        skewed = clock is not None and clock.skewed
        if not self._board.incidents and not skewed and all(_is_well(r) for r in records):
            return
        standings = [_standing(record) for record in records]
        before = self._board.incidents
        incidents = self.second_looks.consider(correlate(standings, before, now), standings)
        unmeasured = [s.target.id for s in standings if _awaits_result(s)]
        incidents += awaiting(before, incidents, unmeasured)
        self._events.tell(*incidents_changed(before, incidents, now))
        self._board.incidents = incidents
        self._board.chapters = chronicle(self._board.chapters, incidents, now)

    def _survey_redundant_groups(self, now: float) -> None:
        before = self._board.redundant_groups
        pairs = ((r.target, r.health.state) for r in self._board.records.values())
        self._board.redundant_groups = redundancy.survey(pairs, before, now)
        self._events.tell(*redundant_groups_changed(before, self._board.redundant_groups, now))

    async def _look(self, look: Look) -> Attempt:
        return await self.engine.look(look)  # a reload may have replaced the engine

    def _explain(self, incident_id: str) -> None:
        """Take in what second looks saw of an incident, and say it."""
        now = self._clock.time()
        self._correlate(now)
        for incident in self._board.incidents:
            if incident.id == incident_id:
                self._events.tell(incident_explained(incident, now))

    def _set_due(self, record: Record, begun: float, now: float) -> None:
        """Put a target back on the agenda: in its next slot, or soon after a failure that
        nothing has confirmed yet, or that began before something else recovered."""
        target, health = record.target, record.health
        due = next_slot(now, target.interval, phase_of(target.id, target.interval))
        unconfirmed = 0 < health.failures_in_row < self._policy.down_after
        outdated = health.failures_in_row > 0 and self._recovered_at >= begun
        if unconfirmed or outdated:
            soon = now + self._random.uniform(*CONFIRM_AFTER)
            if outdated:  # a round has just taken what there was: this one queues behind it
                soon += self._confirmations.reserve(now)
            if soon < due and (outdated or self._confirmations.try_take(now)):
                due = soon
                self._quick.add(target.id)
        self._agenda.set(target.id, due)
        self._changed.set()

    def _start(self, target: Target, now: float) -> None:
        if not target.unknown:
            self._agenda.set(target.id, now + phase_of(target.id, min(RAMP, target.interval)))


def _is_well(record: Record) -> bool:
    """Whether nothing is wrong with a target: it may be up while one address family fails."""
    attempt = record.attempt
    failed = attempt is not None and any(c.failure for c in attempt.connections)
    return record.health.state is State.UP and not failed


def _standing(record: Record) -> Standing:
    health, slower = record.health, record.quality.getting_slow
    return Standing(
        record.target, health.state, health.since, record.verdict, record.attempt, slower
    )


def _took(record: Record) -> float:
    """Return how long the last probe took that was well; 0 where it was not."""
    return record.attempt.duration if record.attempt and record.attempt.ok else 0.0


def _suspect_after(record: Record) -> float:
    soonest, latest = SUSPECT_AFTER
    return min(latest, max(soonest, 3 * _took(record)))


def _awaits_result(standing: Standing) -> bool:
    return standing.state is State.UNKNOWN and not standing.target.unknown


def _in_the_light_of(record: Record, verdict: Verdict) -> Verdict:
    """Return the verdict on a result, of a target that may be flapping."""
    health, trouble = record.health, record.trouble
    if not health.flapping or verdict.cause is not None or trouble is None:
        return verdict
    return unsettled(health.flaps, record.target, trouble, verdict)


def _same_probe(one: Target, other: Target) -> bool:
    """Whether two targets are probed the same way, however often. Another path that stands for
    the same wildcard at the same host is the same way."""
    if one.endpoint.wildcard and one.endpoint.wildcard == other.endpoint.wildcard:
        one = replace(one, endpoint=replace(one.endpoint, path=other.endpoint.path))
    one = replace(one, interval=other.interval, timeout=other.timeout, standin=other.standin)
    return one == other


def _without_body(attempt: Attempt) -> Attempt:
    """Drop answers' bodies: diagnosis has read them, and they need not stay in memory."""
    connections = tuple(_bodyless(connection) for connection in attempt.connections)
    beside = _without_body(attempt.beside) if attempt.beside else None
    return replace(attempt, connections=connections, beside=beside)


def _bodyless(connection: Connection) -> Connection:
    if connection.http is None or not connection.http.body:
        return connection
    return replace(connection, http=replace(connection.http, body=b""))
