"""Virtual time: probes in their slots, confirmations, corroboration, and the code under test."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any

from monitor.diagnosis.causes import diagnose
from monitor.health.machine import Health, HealthPolicy, advance, calm, confirm
from monitor.health.packet_loss import policy_after
from monitor.incidents.inference import Evaluation, EvidenceEngine
from monitor.incidents.observation import Track
from monitor.model.incident import Incident
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.model.target import Target
from monitor.scheduler.spacing import Spacing
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
        self._suspected_at = self._recovered_at = -1e9
        self._evaluation_due = False
        self._spacing = Spacing()
        self._spacing.place(world.targets)
        for target in world.targets:
            self._plan(target.id, start + self._offset(target))

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

    def _on_finish(self, name: str, result: ProbeResult) -> None:
        self._flying.discard(name)
        target = self.targets[name]
        stalled = any(a < self.now and b > result.started_at for a, b in self.world.noise.stalls)
        if stalled:
            self._plan(name, self.now + 1.0 + self.random.random())
            return
        self.story.results += 1
        diagnosis = diagnose(target, result)
        before = self.health[name]
        policy = policy_after(HealthPolicy(), target, result, before)
        health = self.health[name] = advance(before, diagnosis, self.now, policy)
        if self.engine.observe(target, result, diagnosis, health) and not self._evaluation_due:
            self._evaluation_due = True
            self._push(self.now + EVALUATE_AFTER, "evaluate")
        if health.failures_in_row:
            self._on_suspect(name)
        elif (
            before.state in {State.DOWN, State.DEGRADED}
            and self.now - self._recovered_at > ROUND_PAUSE
        ):
            self._recovered_at = self.now
            self._soon([t for t in self.world.targets if self.health[t.id].state is State.DOWN])
        offset = self._offset(target)
        slot = ((self.now - offset) // target.interval + 1) * target.interval + offset
        if health.unconfirmed or 0 < health.failures_in_row < 2:
            slot = min(slot, self.now + self.random.uniform(0.05, 0.2))
        self._plan(name, slot)

    def _on_evaluate(self) -> None:
        self._evaluation_due = False
        for _ in range(2):
            evaluation = self.engine.evaluate(self.now)
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
        for name in ids - before:
            self.story.opened.setdefault(name, self.now)
        for name in before - ids:
            self.story.closed[name] = self.now
        if incidents != last:
            self.story.snapshots.append((self.now, incidents))
        self._check(evaluation)
        self.story.untrue += untrue(list(map(_claim, incidents)), self._seen(evaluation))

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
