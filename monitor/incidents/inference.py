"""Evidence engine: from the results of all targets to the few incidents that explain them. Pure.

``observe`` takes in one result and costs the same for any number of targets. ``steps`` judges all
evidence again and can be paused; ``evaluate`` does it in one go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.health import redundancy
from monitor.health.machine import Health, state_of
from monitor.health.redundancy import RedundantGroup
from monitor.health.restart import REFUSALS, RESTART
from monitor.health.status import TargetStatus
from monitor.incidents.evidence_index import EvidenceIndex
from monitor.incidents.fault_model import Hypothesis, Mode
from monitor.incidents.lifecycle import Episode, Incidents
from monitor.incidents.observation import FlowCount
from monitor.incidents.selection import choose
from monitor.incidents.wording import incident_of
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Incident
from monitor.model.path import FlowTest
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.model.target import Target

JOINT_HOSTS = 3
"""Distinct hosts that confirm each other's first failure: 3."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Conclusion from the evidence.

    ``incidents`` are open, the oldest first. ``corroborated`` are targets whose unconfirmed
    failure others confirm. ``states`` holds, for targets whose own last result does not show
    it, the state that their incident gives them. ``calmed`` are targets that failed in part until
    now: what they did before shows nothing of them any more.
    """

    incidents: tuple[Incident, ...] = ()
    corroborated: tuple[str, ...] = ()
    states: Mapping[str, State] = field(default_factory=dict)
    calmed: tuple[str, ...] = ()


class EvidenceEngine:
    """Keeps recent evidence and the open incidents."""

    def __init__(self) -> None:
        self.index = EvidenceIndex()
        self.incidents = Incidents()
        self._written: dict[str, tuple[object, Incident]] = {}

    def apply(self, targets: Sequence[Target]) -> None:
        """Set the configured targets."""
        self.index.apply(targets)

    def observe(
        self,
        target: Target,
        result: ProbeResult,
        diagnosis: Diagnosis,
        health: Health,
        *,
        slow: bool = False,
    ) -> bool:
        """Take in one admissible result; return whether the incidents may have changed."""
        track = self.index.observe(target, result, diagnosis, health, slow)
        return bool(self.incidents.open or self.index.troubled) or track.state is not State.UP

    def observe_flows(self, target_id: str, test: FlowTest, now: float) -> None:
        """Take in connections from chosen source ports that a follow-up probe tried."""
        track = self.index.tracks.get(target_id)
        if track is not None and test.flows:
            track.flows = FlowCount(now, 2 * len(test.flows), sum(test.failed_rounds))

    def settle(self, target_id: str, health: Health) -> None:
        """Take over a health state that changed without a new result."""
        track = self.index.tracks.get(target_id)
        if track is not None:
            self.index.settle_state(track, health)

    def restore(self, incidents: Sequence[Incident]) -> None:
        """Take over the incidents that were open before a restart: a fault that is found again
        keeps its id and start."""
        self.incidents.restore(incidents)

    def evaluate(self, now: float) -> Evaluation:
        """Return what the evidence amounts to at ``now`` (Unix seconds)."""
        for evaluation in self.steps(now):
            if evaluation is not None:
                return evaluation
        return Evaluation()

    def steps(self, now: float) -> Iterator[Evaluation | None]:
        """Yield None at points at which to pause, and the evaluation at the end."""
        waiting, calmed = self.incidents.recover(self.index, now)
        reserved = waiting.shared | waiting.alone
        favored = self.incidents.identities()
        chosen: list[Hypothesis] = []
        recent = self.incidents.recent(now)
        for found in choose(self.index, waiting, favored, recent, now):
            if found is None:
                yield None
            else:
                chosen.append(found)
        confirmed = [h for h in chosen if _is_confirmed(h, now)]
        corroborated = tuple(_corroborate(confirmed))
        yield from self.incidents.advance(confirmed, self.index, reserved, now)
        spared = self._spared(now)
        incidents = []
        for number, episode in enumerate(self.incidents.open.values(), 1):
            incidents.append(self._incident(episode, spared))
            if number % 10 == 0:
                yield None
        self._written = {i.id: self._written[i.id] for i in incidents}
        yield Evaluation(
            tuple(sorted(incidents, key=lambda i: (i.started_at, i.id))),
            corroborated,
            self._states(calmed),
            tuple(sorted(calmed | self._orphans())),
        )

    def _spared(self, now: float) -> Mapping[str, RedundantGroup]:
        tracks = [t for t in self.index.tracks.values() if t.target.endpoint.redundancy_group]
        groups = redundancy.rollup(((t.target, t.state) for t in tracks), (), now)
        return redundancy.covered_by_redundancy(groups)

    def _incident(self, episode: Episode, spared: Mapping[str, RedundantGroup]) -> Incident:
        tracks = self.index.tracks
        members = [tracks[name] for name in sorted(episode.members) if name in tracks]
        basis = (
            episode.hypothesis.identity,
            episode.hypothesis.figures,
            episode.works,
            episode.recovering_at,
            len(episode.starts),
            tuple((t.target.id, t.state, id(t.diagnosis) if t.bad else 0) for t in members),
            tuple(name for name in episode.members if name in spared),
        )
        known = self._written.get(episode.id)
        if known is not None and known[0] == basis:
            return known[1]
        incident = incident_of(episode, members, spared, self.index.working)
        self._written[episode.id] = (basis, incident)
        return incident

    def _orphans(self) -> set[str]:
        """Return the targets that are held degraded because they flapped, although no incident
        is about them: what happened is explained and over."""
        affected = {name for e in self.incidents.open.values() for name in e.members}
        return {
            name
            for name, track in self.index.troubled.items()
            if track.held and not track.bad and name not in affected
        }

    def _states(self, calmed: Collection[str]) -> Mapping[str, State]:
        """Return the states of members whose own ones do not show that they are affected, or
        will not once they are ``calmed``."""
        states: dict[str, State] = {}
        for episode in self.incidents.open.values():
            forced = episode.hypothesis.model.state
            part = episode.hypothesis.mode is Mode.PARTIAL
            for name in episode.members:
                track = self.index.tracks.get(name)
                if track is None:
                    continue
                if forced is not None and not episode.works:
                    states[name] = forced
                elif part or track.state is State.UP or name in calmed:
                    states[name] = State.DEGRADED
        return states


def _is_confirmed(found: Hypothesis, now: float) -> bool:
    """Whether a hypothesis may be reported: a failure is confirmed, or several hosts confirm
    each other, or a share of many results fails. Refusals that began a moment ago may be those of
    a server that restarts, whatever number of hosts it serves."""
    if found.model.soft or any(t.failing for t in found.failing):
        return True
    if found.model.cause(found) in REFUSALS and now - found.onset < RESTART:
        return False
    hosts = {t.target.host for t in found.failing}
    return found.mode is Mode.PARTIAL or len(hosts) >= JOINT_HOSTS


def _corroborate(chosen: Sequence[Hypothesis]) -> Iterator[str]:
    """Confirm the failures that a shared fault explains, and yield the ids of the targets."""
    for found in chosen:
        if found.mode is Mode.TOTAL and not found.model.alone:
            for track in found.failing:
                if track.bad and not track.failing and track.diagnosis is not None:
                    track.state = state_of(track.diagnosis)
                    yield track.target.id


def judge(
    statuses: Sequence[TargetStatus], now: float, before: Sequence[Incident] = ()
) -> Evaluation:
    """Return what the last results of all targets amount to, without a history of results.
    ``before`` are incidents that were open when the statuses were last judged."""
    engine = EvidenceEngine()
    engine.restore(before)
    engine.apply([s.target for s in statuses])
    for status in statuses:
        if status.probe_result is not None and status.diagnosis is not None:
            engine.observe(
                status.target,
                status.probe_result,
                status.diagnosis,
                status.health,
                slow=status.getting_slow,
            )
    return engine.evaluate(now)
