"""Virtual time: probes in their slots, confirmations, corroboration, and the code under test."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any

from monitor.diagnosis.causes import diagnose
from monitor.health.machine import Health, HealthPolicy, advance, calm, confirm
from monitor.health.packet_loss import policy_after
from monitor.health.restart import may_confirm, policy_for_refusals
from monitor.incidents.inference import Evaluation, EvidenceEngine
from monitor.incidents.observation import Track
from monitor.model.incident import Incident, Scope
from monitor.model.path import FlowTest
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.model.target import Target
from monitor.scheduler.loop import (
    EXTENT_TARGETS,
    PROBED_PER_PULSE,
    PULSE_VALID,
    REFUSED_PAUSE,
)
from monitor.scheduler.schedule import recheck_delay
from monitor.scheduler.spacing import Spacing
from tests.simulation.followups import FlowFollowUps
from tests.simulation.pulses import Point, SimulatedPulses
from tests.simulation.truth import Claim, Seen, untrue
from tests.simulation.world import World

ROUND_PAUSE = 5.0
CORROBORATING = 8
EVALUATE_AFTER = 0.25


@dataclass
class Story:
    """Reports of the monitor over time."""

    opened: dict[str, float] = field(default_factory=dict)
    closed: dict[str, float] = field(default_factory=dict)
    snapshots: list[tuple[float, tuple[Incident, ...]]] = field(default_factory=list)
    states: dict[float, dict[str, State]] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    evaluations: int = 0
    results: int = 0


class Driver:
    """Runs one world from ``start`` to ``end`` (Unix seconds)."""

    def __init__(self, world: World, start: float, random: Random) -> None:
        self.world, self.random, self.now = world, random, start
        self.engine = EvidenceEngine()
        self.engine.apply(world.targets)
        self.health = {t.id: Health() for t in world.targets}
        self.targets = {t.id: t for t in world.targets}
        self.story = Story()
        self._heap: list[tuple[float, int, str, tuple]] = []  # type: ignore[type-arg]
        self._order = count()
        self._due: dict[str, float] = {}
        self._flying: set[str] = set()
        self._forced: set[str] = set()
        self._suspected_at = self._recovered_at = self._round_at = -1e9
        self._evaluation_due = False
        self.clock_steps: list[tuple[float, float]] = []
        self._results: dict[str, ProbeResult] = {}
        self._pulse_failed: dict[str, float] = {}
        self._pulses = SimulatedPulses(
            world, self._push, self._results.get, self._suspect_way_out, self._way_out_changed
        )
        self._flows = FlowFollowUps(world, self._push)
        self._spacing = Spacing()
        self._spacing.place(world.targets)
        for target in world.targets:
            self._plan(target.id, start + self._offset(target))
        self._pulses.start(start)

    def _push(self, at: float, kind: str, *more: object) -> None:
        heapq.heappush(self._heap, (at, next(self._order), kind, more))

    def _plan(self, name: str, due: float) -> None:
        self._due[name] = due
        self._push(due, "start", name, due)

    def run(self, end: float) -> Story:
        """Run until ``end``."""
        while self._heap and self._heap[0][0] <= end:
            self.now, _, kind, more = heapq.heappop(self._heap)
            getattr(self, f"_on_{kind}")(*more)
        return self.story

    def _offset(self, target: Target) -> float:
        return self._spacing.fraction(target.id) * target.interval

    def remember(self, name: str, result: ProbeResult) -> None:
        """Take over the last result of a target from before the start."""
        self._results[name] = result

    def probe_at(self, name: str, at: float) -> None:
        """Probe a target at a time, beside its slots."""
        self._push(at, "extra", name)

    def _on_extra(self, name: str) -> None:
        self._soon([self.targets[name]])

    def clock(self) -> float:
        """Return what the host's clock shows."""
        return self.now + sum(step for at, step in self.clock_steps if at <= self.now)

    def force_bad(self, name: str, at: float) -> None:
        """Probe a target at a time, and let that probe fail as by lost packets."""
        self._push(at, "force", name)

    def _on_force(self, name: str) -> None:
        if name in self._flying or self.health[name].unconfirmed:
            return  # its probes lose packets at random already
        self._forced.add(name)
        self._plan(name, self.now)

    def _probe(self, target: Target) -> ProbeResult:
        if target.id not in self._forced:
            return self.world.probe(target, self.now)
        self._forced.discard(target.id)
        lossy = replace(self.world.noise, loss=1.0)
        kept, self.world.noise = self.world.noise, lossy
        try:
            return self.world.probe(target, self.now)
        finally:
            self.world.noise = kept

    def _on_start(self, name: str, due: float) -> None:
        if self._due.get(name) != due or name in self._flying:
            return
        del self._due[name]
        self._flying.add(name)
        target = self.targets[name]
        result = self._probe(target)
        took = max(0.001, result.duration)
        self._push(self.now + took, "finish", name, result)
        if took > 0.4:
            self._push(self.now + 1.0, "suspect", name)

    def _on_suspect(self, name: str) -> None:
        if self.health[name].state is not State.UP:
            return
        if self.now - self._suspected_at < ROUND_PAUSE:
            return
        self._suspected_at = self.now
        mine = self.targets[name]
        up = [t for t in self.world.targets if self.health[t.id].state is State.UP]
        kin = [t for t in up if t.host == mine.host and t.port != mine.port][:1]
        kin += [t for t in up if t.group == mine.group and t.host != mine.host][:1]
        seen = {mine.group}
        for target in self.random.sample(up, len(up)):
            if len(kin) >= CORROBORATING:
                break
            if target.group not in seen:
                seen.add(target.group)
                kin.append(target)
        self._soon(kin)

    def _soon(self, targets: list[Target]) -> None:
        for number, target in enumerate(targets):
            due = self.now + number / 25
            if self._due.get(target.id, 0.0) > due:
                self._plan(target.id, due)

    def _suspect_way_out(self, names: Sequence[str]) -> None:
        self._soon([self.targets[name] for name in names[:PROBED_PER_PULSE]])

    def _way_out_changed(self, names: Sequence[str], ok: bool) -> None:
        for name in names:
            if ok:
                self._pulse_failed.pop(name, None)
            else:
                self._pulse_failed[name] = self.now
        self._suspect_way_out(names)

    def _on_pulse(self, point: Point) -> None:
        self._pulses.send(point, self.now)

    def _on_late_pulse(self, point: Point) -> None:
        self._pulses.late(point)

    def _on_pulse_done(self, point: Point, ok: bool, repeated: bool) -> None:
        self._pulses.done(point, ok, repeated, self.now)

    def _on_flows(self, name: str, test: FlowTest) -> None:
        self.engine.observe_flows(name, test, self.now)
        self._evaluate_soon()

    def _on_finish(self, name: str, result: ProbeResult) -> None:
        self._flying.discard(name)
        target = self.targets[name]
        stalled = any(a < self.now and b > result.started_at for a, b in self.world.noise.stalls)
        if stalled:
            self._plan(name, self.now + 1.0 + self.random.random())
            return
        self.story.results += 1
        begun, now = result.started_at, self.clock()
        if now != self.now:
            result = replace(result, started_at=begun + now - self.now)
        diagnosis = diagnose(target, result)
        before = self.health[name]
        policy = policy_after(HealthPolicy(), target, result, before)
        policy = policy_for_refusals(policy, result, before)
        health = advance(before, diagnosis, now, policy)
        pulsed = abs(self._pulse_failed.get(name, -1e9) - begun) <= PULSE_VALID
        if pulsed and health.failures_in_row and may_confirm(health, policy, now):
            health = confirm(health, diagnosis, now)
        self.health[name], self._results[name] = health, result
        if self.engine.observe(target, result, diagnosis, health):
            self._evaluate_soon()
        self._follow_up(name, before)
        self._plan(name, self._next_due(target, health, result))

    def _follow_up(self, name: str, before: Health) -> None:
        if self.health[name].failures_in_row:
            self._on_suspect(name)
        elif before.state is State.DOWN:
            self._recovered_at = self.now
            if self.now - self._round_at > ROUND_PAUSE:
                self._round_at = self.now
                self._soon([t for t in self.world.targets if self.health[t.id].state is State.DOWN])

    def _next_due(self, target: Target, health: Health, result: ProbeResult) -> float:
        offset = self._offset(target)
        slot = ((self.now - offset) // target.interval + 1) * target.interval + offset
        unconfirmed = health.unconfirmed or 0 < health.failures_in_row < 2
        outdated = health.failures_in_row > 0 and self._recovered_at >= result.started_at
        if unconfirmed or outdated:
            pause = self.random.uniform(0.05, 0.2)
            if health.failures_in_row >= 2 and result.duration < 0.4:
                pause += REFUSED_PAUSE
            return min(slot, self.now + pause)
        if health.failures_in_row:
            return min(slot, self.now + recheck_delay(health.failures_in_row, 2))
        return slot

    def _evaluate_soon(self) -> None:
        if not self._evaluation_due:
            self._evaluation_due = True
            self._push(self.now + EVALUATE_AFTER, "evaluate")

    def _on_evaluate(self) -> None:
        self._evaluation_due = False
        for _ in range(2):
            evaluation = self.engine.evaluate(self.clock())
            self.story.evaluations += 1
            changed = False
            for name in evaluation.corroborated:
                health = self.health[name]
                if health.state is State.DOWN or not health.unwell_in_row:
                    continue
                diagnosis = self.engine.index.tracks[name].diagnosis
                if diagnosis is not None:
                    self.health[name] = confirm(health, diagnosis, self.now)
                    self.engine.settle(name, self.health[name])
                    changed = True
            for name in evaluation.calmed:
                self.health[name] = calm(self.health[name], self.now)
                self.engine.settle(name, self.health[name])
            if not changed:
                break
        self._note(evaluation)

    def _note(self, evaluation: Evaluation) -> None:
        incidents = evaluation.incidents
        last = self.story.snapshots[-1][1] if self.story.snapshots else ()
        ids, before = {i.id for i in incidents}, {i.id for i in last}
        for incident in incidents:
            if incident.id not in before:
                self.story.opened.setdefault(incident.id, self.now)
                if incident.scope not in {Scope.ENDPOINT, Scope.HOST}:
                    self._probe_extent(incident)
        self._flows.consider(incidents, self.health, self._results, self.now)
        for name in before - ids:
            self.story.closed[name] = self.now
        if incidents != last:
            self.story.snapshots.append((self.now, incidents))
        self._check(evaluation)
        self.story.untrue += untrue(list(map(_claim, incidents)), self._seen(evaluation))

    def _probe_extent(self, incident: Incident) -> None:
        waiting = [
            t
            for t in self.world.targets
            if self.health[t.id].state is State.UP
            and self.engine.index.tracks[t.id].at < incident.started_at
        ]
        self._soon(waiting[:EXTENT_TARGETS])

    def _seen(self, evaluation: Evaluation) -> list[Seen]:
        """Return the targets as a report shows them."""
        return [
            Seen(
                name,
                self.targets[name].host,
                evaluation.states.get(name, health.state).value,
                bool(track.last and track.last.evidence.ok),
                track.at,
                answered=bool(track.last and track.last.evidence.connected),
                flight=bool(track.last and track.last.evidence.issuer),
                resolved=track.last.evidence.resolved if track.last else None,
                **_features(track),
            )
            for name, health in self.health.items()
            if (track := self.engine.index.tracks.get(name)) is not None
        ]

    def _check(self, evaluation: Evaluation) -> None:
        """Note where targets and incidents contradict each other."""
        counts: dict[str, int] = {}
        for incident in evaluation.incidents:
            for name in incident.affected:
                counts[name] = counts.get(name, 0) + 1
        for name, health in self.health.items():
            state = evaluation.states.get(name, health.state)
            bad = state in {State.DOWN, State.DEGRADED}
            if bad and counts.get(name, 0) != 1:
                self.story.contradictions.append(
                    f"{self.now:.1f} {name} is {state} in {counts.get(name, 0)} incidents"
                )
            elif not bad and counts.get(name, 0):
                self.story.contradictions.append(f"{self.now:.1f} {name} is {state} in an incident")


def _features(track: Track) -> dict[str, Any]:
    """Return what a target's last result says about the network, for ``Seen``."""
    if track.last is None:
        return {}
    evidence = track.last.evidence
    return {
        "verified": bool(evidence.verified),
        "group": track.target.group,
        "transport": evidence.transport,
        "near": evidence.near,
        "proxied": evidence.proxy is not None,
        "public": bool(evidence.legs) and all(leg.public for leg in evidence.legs),
    }


def _claim(incident: Incident) -> Claim:
    return Claim(
        incident.id,
        incident.cause.value,
        incident.scope.value,
        incident.state.value,
        incident.started_at,
        incident.affected,
        incident.detail,
        incident.remediation,
        incident.intermittent,
        incident.confidence,
        frozenset(incident.evidence),
    )


def at_time(story: Story, at: float) -> tuple[Incident, ...]:
    """Return the incidents that were open at a time."""
    found: tuple[Incident, ...] = ()
    for when, incidents in story.snapshots:
        if when > at:
            break
        found = incidents
    return found
