"""Recent evidence of all targets, indexed by the elements that results depend on. Pure.

The cost of one result does not depend on the number of targets: only what changed for its own
target is moved in the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.health.machine import Health
from monitor.incidents.fault_model import FaultModel
from monitor.incidents.models import MODELS
from monitor.incidents.observation import Evidence, Observation, Track, evidence_of
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import ProbeResult
from monitor.model.target import Target

Element = tuple[str, str]
"""Name of a fault model, and key of the element within it."""


class EvidenceIndex:
    """Windows of observations per target, and the targets per element."""

    def __init__(self, models: Sequence[FaultModel] = MODELS) -> None:
        self.models = {model.name: model for model in models}
        self.tracks: dict[str, Track] = {}
        self.members: dict[Element, dict[str, Track]] = {}
        self.bad: dict[Element, dict[str, Track]] = {}
        self.troubled: dict[str, Track] = {}

    def apply(self, targets: Iterable[Target]) -> None:
        """Keep the evidence of targets that are still configured, and forget the others."""
        wanted = {target.id: target for target in targets}
        for gone in self.tracks.keys() - wanted.keys():
            self.forget(gone)
        for target in wanted.values():
            track = self.tracks.get(target.id)
            if track is not None and track.target.endpoint != target.endpoint:
                self.forget(target.id)
                track = None
            if track is None:
                self.tracks[target.id] = Track(target)
            else:
                track.target = target

    def forget(self, target_id: str) -> None:
        """Drop the evidence of one target."""
        track = self.tracks.pop(target_id, None)
        self.troubled.pop(target_id, None)
        if track is not None:
            for element in track.exposures:
                self._remove(element, target_id)

    def observe(
        self,
        target: Target,
        result: ProbeResult,
        diagnosis: Diagnosis,
        health: Health,
        slow: bool = False,
    ) -> Track:
        """Take in one result."""
        track = self.tracks.get(target.id)
        if track is None:
            track = self.tracks[target.id] = Track(target)
        track.diagnosis, track.probe_result = diagnosis, result
        if diagnosis.cause is not None:
            track.trouble = diagnosis
        self.settle_state(track, health)
        seen = evidence_of(target, result, diagnosis, slow)
        known = track.last
        if known is not None and known.evidence == seen:
            self._append(track, Observation(result.started_at, known.evidence, known.exposures))
        else:
            exposures = exposures_of(self.models.values(), seen)
            self._append(track, Observation(result.started_at, seen, exposures))
            self._expose(track, exposures)
        if track.failures or any(track.exposures.values()):
            self.troubled[target.id] = track
        else:
            self.troubled.pop(target.id, None)
        return track

    def settle_state(self, track: Track, health: Health) -> None:
        """Take over the health state of a target."""
        track.state = health.measured
        track.held = health.flapping

    def _append(self, track: Track, seen: Observation) -> None:
        window = track.window
        if window and len(window) == window.maxlen and window[0].evidence.cause is not None:
            track.failures -= 1
        if seen.evidence.cause is not None:
            track.failures += 1
        elif track.bad:
            track.recovered_at = seen.at
        track.append(seen)

    def _expose(self, track: Track, fresh: dict[Element, bool]) -> None:
        at, name = track.window[-1].at, track.target.id
        for element in track.exposures.keys() - fresh.keys():
            self._remove(element, name)
            track.since.pop(element, None)
        for element, bad in fresh.items():
            before = track.exposures.get(element)
            if before is bad:
                continue
            track.since[element] = at
            self.members.setdefault(element, {})[name] = track
            if bad:
                self.bad.setdefault(element, {})[name] = track
            elif before is True:
                self._drop_bad(element, name)
        track.exposures = fresh

    def _remove(self, element: Element, name: str) -> None:
        members = self.members.get(element)
        if members is not None:
            members.pop(name, None)
            if not members:
                del self.members[element]
        self._drop_bad(element, name)

    def _drop_bad(self, element: Element, name: str) -> None:
        bad = self.bad.get(element)
        if bad is not None:
            bad.pop(name, None)
            if not bad:
                del self.bad[element]

    def working(self, model: str, key: str, since: float) -> Sequence[Track]:
        """Return the targets that work in an element by a result that began at ``since`` or
        later (Unix seconds)."""
        element = (model, key)
        return [
            track
            for track in self.members.get(element, {}).values()
            if not track.exposures[element] and track.at >= since
        ]


def exposures_of(models: Iterable[FaultModel], seen: Evidence) -> dict[Element, bool]:
    """Return what a result shows about every element that it depended on."""
    found: dict[Element, bool] = {}
    for model in models:
        for key, bad in model.exposures(seen):
            element = (model.name, key)
            found[element] = found.get(element, False) or bad
    return found
