"""Identity of incidents over time: what goes on, what recovers, what came and went. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

from monitor.incidents.evidence_index import EvidenceIndex
from monitor.incidents.fault_model import Hypothesis, Mode
from monitor.incidents.models.egress import PATH_CAUSES
from monitor.incidents.observation import Track
from monitor.incidents.partial import PARTIAL_SECONDS, partial
from monitor.incidents.selection import SLICE, Identity, Reserved
from monitor.incidents.settling import AT_ONCE, SETTLING, may_be_one
from monitor.model.incident import Incident

RECURRENCE = 1800.0
"""Time within which the same fault that comes back is the same incident: 1,800 s."""

REMEMBERED = 200
"""Closed incidents that are remembered as ones that may come back: 200."""


@dataclass(slots=True)
class Episode:
    """An incident as it goes on. ``members`` are ids of targets. ``starts`` are the times (Unix
    seconds) at which it began, each after it had worked in between. ``opened_at`` is the time at
    which it was last opened. ``recovering_at`` is the start of the first good result of a member
    since it failed, None if there is none."""

    id: str
    hypothesis: Hypothesis
    started_at: float
    members: set[str]
    starts: list[float] = field(default_factory=list)
    recovering_at: float | None = None
    ended_at: float | None = None
    works: bool = False
    opened_at: float = 0.0

    @property
    def identity(self) -> Identity:
        return self.hypothesis.identity


class Incidents:
    """Open incidents, and the closed ones that may come back."""

    def __init__(self) -> None:
        self.open: dict[str, Episode] = {}
        self._closed: dict[Identity, Episode] = {}
        self._restored: dict[str, Incident] = {}

    def restore(self, incidents: Sequence[Incident]) -> None:
        """Remember incidents that were open before a restart."""
        self._restored = {incident.id: incident for incident in incidents}

    def identities(self) -> set[Identity]:
        """Return the identities of the open incidents."""
        return {episode.identity for episode in self.open.values()}

    def recent(self, now: float) -> set[tuple[str, str]]:
        """Return the elements of incidents that are open or closed a short time ago."""
        closed = self._closed.values()
        ended = [e for e in closed if now - (e.ended_at or 0.0) <= PARTIAL_SECONDS]
        return {episode.hypothesis.kinship for episode in (*self.open.values(), *ended)}

    def recover(self, index: EvidenceIndex, now: float) -> tuple[Reserved, set[str]]:
        """Return the targets of incidents that recover about which nothing is known yet, and
        those whose partial fault is over."""
        reserved = Reserved()
        calmed: set[str] = set()
        for episode in self.open.values():
            kept = reserved.alone if episode.hypothesis.model.alone else reserved.shared
            kept |= _failing_otherwise_once(episode, index)
            if episode.hypothesis.mode is Mode.TOTAL:
                _note_recovery(episode, index)
            elif episode.recovering_at is None and self._is_over(episode, index, now):
                episode.recovering_at = now
                calmed |= _clear(episode, index, now)
            if episode.recovering_at is not None:
                kept |= _pending(episode, index, episode.recovering_at)
        return reserved, calmed

    @staticmethod
    def _is_over(episode: Episode, index: EvidenceIndex, now: float) -> bool:
        model, key, _ = episode.identity
        return partial(index, (model, key), (), now, going_on=True) is None

    def advance(
        self,
        chosen: Sequence[Hypothesis],
        index: EvidenceIndex,
        reserved: Container[str],
        now: float,
    ) -> Iterator[None]:
        """Carry the incidents on with the hypotheses that hold at ``now`` (Unix seconds). Yields
        at points at which to pause."""
        heirs = self._heirs(chosen)
        yield
        going_on: dict[str, Episode] = {}
        claimed = {track.target.id for found in chosen for track in found.failing}
        ordered = sorted(chosen, key=lambda found: id(found) not in heirs)
        few = len(chosen) - len(heirs) <= AT_ONCE
        for number, found in enumerate(ordered, 1):
            if few or number % SLICE == 0:
                yield
            episode = heirs.get(id(found)) or self._come_back(found, now)
            if episode is None:
                settling = self._settling(found, index, going_on, now) if few else None
                if settling is not None:
                    settling.members |= {track.target.id for track in found.failing}
                    continue
                episode = self._begin(found, now, going_on)
            self._continue(episode, found, index, reserved, claimed)
            claimed |= episode.members
            going_on[episode.id] = episode
        for episode in self.open.values():
            if episode.id in going_on:
                continue
            if self._lingers(episode, index, reserved, claimed):
                going_on[episode.id] = episode
                claimed |= episode.members
            else:
                self._close(episode, now)
        self.open = going_on

    def _settling(
        self,
        found: Hypothesis,
        index: EvidenceIndex,
        going_on: Mapping[str, Episode],
        now: float,
    ) -> Episode | None:
        """Return an incident that opened a moment ago and may be part of the same fault: what one
        wider fault would explain as well waits there until it is known."""
        if found.mode is not Mode.TOTAL or found.model.soft:
            return None
        if self._restored_match(found) is not None:
            return None
        young = (e for e in going_on.values() if now - e.opened_at <= SETTLING)
        for episode in islice(young, AT_ONCE):
            known = episode.hypothesis
            if known.mode is Mode.TOTAL and may_be_one(index, known.failing, found.failing):
                return episode
        return None

    def _heirs(self, chosen: Sequence[Hypothesis]) -> dict[int, Episode]:
        """Match hypotheses with open incidents: the same identity first, then the same element that
        fails in another way, then the incident with most targets in common, the oldest of
        equals."""
        unclaimed = dict(self.open)
        same = {episode.identity: episode for episode in reversed(self.open.values())}
        heirs: dict[int, Episode] = {}
        for found in chosen:
            episode = same.get(found.identity)
            if episode is not None and episode.id in unclaimed:
                heirs[id(found)] = unclaimed.pop(episode.id)
        related: dict[tuple[str, str], list[Episode]] = {}
        for episode in unclaimed.values():
            related.setdefault(episode.hypothesis.kinship, []).append(episode)
        for found in chosen:
            kin = None if id(found) in heirs else _kin(found, related.get(found.kinship, ()))
            if kin is not None and kin.id in unclaimed:
                heirs[id(found)] = unclaimed.pop(kin.id)
        owners: dict[str, Episode] = {name: e for e in unclaimed.values() for name in e.members}
        for found in chosen:
            if id(found) in heirs:
                continue
            if (best := _most_in_common(found, owners, unclaimed)) is not None:
                heirs[id(found)] = unclaimed.pop(best)
        return heirs

    def _come_back(self, found: Hypothesis, now: float) -> Episode | None:
        if (part := self._explained(found)) is not None:
            del self._closed[part.identity]
            part.ended_at, part.opened_at = None, now
            return part
        episode = self._closed.get(found.identity) or self._counterpart(found)
        if episode is None or now - (episode.ended_at or 0.0) > RECURRENCE:
            return None
        del self._closed[episode.identity]
        episode.ended_at, episode.opened_at = None, now
        episode.works = True
        return episode

    def _explained(self, found: Hypothesis) -> Episode | None:
        """Return the last closed incident of one endpoint, if a partial fault of several explains
        its failures, too: it was the first sign of that fault."""
        if found.mode is not Mode.PARTIAL or found.model.alone:
            return None
        explained = {track.target.id for track in found.failing}
        for episode in reversed(self._closed.values()):
            within = episode.hypothesis.model.alone and episode.members <= explained
            if within and episode.started_at >= found.onset:
                return episode
        return None

    def _counterpart(self, found: Hypothesis) -> Episode | None:
        """Return the last closed incident about the same element that fails in another way."""
        return _kin(found, reversed(self._closed.values()))

    def _begin(self, found: Hypothesis, now: float, going_on: Container[str]) -> Episode:
        started = min(found.onset, now)
        if (known := self._restored_by(found)) is not None:
            starts = [known.started_at]
            return Episode(known.id, found, known.started_at, set(), starts, opened_at=now)
        text = "|".join((*found.identity, f"{started:.3f}"))
        texts = (f"{text}|{number}".encode("utf-8", "replace") for number in count())
        ids = (hashlib.blake2b(text, digest_size=6).hexdigest() for text in texts)
        closed = {episode.id for episode in self._closed.values()}
        places = (closed, self.open, self._restored, going_on)
        name = next(x for x in ids if not any(x in taken for taken in places))
        return Episode(name, found, started, set(), [started], opened_at=now)

    def _restored_by(self, found: Hypothesis) -> Incident | None:
        """Return the incident from before a restart that a hypothesis goes on with, once."""
        name = self._restored_match(found)
        return None if name is None else self._restored.pop(name)

    def _restored_match(self, found: Hypothesis) -> str | None:
        """Return the id of the first incident from before a restart that shares a target."""
        members = {t.target.id for t in found.failing}
        matches = (n for n, i in self._restored.items() if not members.isdisjoint(i.affected))
        return next(matches, None)

    def _continue(
        self,
        episode: Episode,
        found: Hypothesis,
        index: EvidenceIndex,
        reserved: Container[str],
        claimed: Container[str],
    ) -> None:
        if episode.works:
            episode.starts = [*episode.starts, found.onset][-50:]
            episode.works = False
        changed = found.identity != episode.identity
        if changed or found.mode is Mode.PARTIAL:
            episode.recovering_at = None
        kept = {
            name
            for name in episode.members
            if (t := index.tracks.get(name)) is not None
            and name not in claimed
            and (name in reserved or (_is_held(t) and not changed))
        }
        episode.hypothesis = found
        episode.members = {t.target.id for t in found.failing} | kept
        if episode.recovering_at is not None and not changed:
            failing = [t for t in found.failing if t.at >= episode.recovering_at]
            if len(failing) >= found.model.min_hosts:
                episode.recovering_at = None

    def _lingers(
        self,
        episode: Episode,
        index: EvidenceIndex,
        reserved: Container[str],
        claimed: set[str],
    ) -> bool:
        """Whether an incident that nothing claims goes on: members wait for their next result,
        or are held because they came and went too often."""
        left = set()
        works = True
        for name in episode.members:
            track = index.tracks.get(name)
            if track is None or name in claimed:
                continue
            if name in reserved:
                left.add(name)
                works = False
            elif _is_held(track):
                left.add(name)
        if not left:
            return False
        episode.members = left
        episode.works = works
        return True

    def _close(self, episode: Episode, now: float) -> None:
        episode.ended_at = now
        episode.recovering_at = None
        self._closed[episode.identity] = episode
        while len(self._closed) > REMEMBERED:
            del self._closed[next(iter(self._closed))]


def _most_in_common(
    found: Hypothesis, owners: Mapping[str, Episode], unclaimed: Mapping[str, Episode]
) -> str | None:
    """Return the id of the incident that has most of the targets, the oldest of equals."""
    counts: dict[str, int] = {}
    for track in found.failing:
        owner = owners.get(track.target.id)
        if owner is not None and owner.id in unclaimed:
            counts[owner.id] = counts.get(owner.id, 0) + 1
    if not counts:
        return None
    return max(counts, key=lambda name: (counts[name], -unclaimed[name].started_at))


def _kin(found: Hypothesis, episodes: Iterable[Episode]) -> Episode | None:
    """Return the first incident about the same element, if one of the two fails a share of the
    results and the other one all, or if one host is cut off in another way."""
    for episode in episodes:
        known = episode.hypothesis
        if known.kinship == found.kinship and (
            Mode.PARTIAL in {found.mode, known.mode} or (_is_cut_off(found) and _is_cut_off(known))
        ):
            return episode
    return None


def _is_cut_off(found: Hypothesis) -> bool:
    """Whether nothing of one endpoint answers."""
    return found.model.alone and found.model.cause(found) in PATH_CAUSES


def _failing_otherwise_once(episode: Episode, index: EvidenceIndex) -> set[str]:
    """Return members of a shared fault whose last result alone failed in another way: a lost packet
    before the fault shows does not make it another one."""
    model, key, _ = episode.identity
    if episode.hypothesis.model.alone or episode.hypothesis.model.soft:
        return set()
    found = set()
    for name in episode.members:
        track = index.tracks.get(name)
        if track is None or not track.bad or len(track.window) < 2:
            continue
        last, before = track.window[-1], track.window[-2]
        if last.exposures.get((model, key)) is None and before.exposures.get((model, key)):
            found.add(name)
    return found


def _clear(episode: Episode, index: EvidenceIndex, now: float) -> set[str]:
    """Forget the results that a partial fault explains, now that it is over; return the ids of
    the targets."""
    model, key, _ = episode.identity
    cleared = set(index.members.get((model, key), {})) | episode.members
    for name in cleared:
        if (track := index.tracks.get(name)) is not None:
            track.cleared_at = now
            track.held = False
    return cleared


def _note_recovery(episode: Episode, index: EvidenceIndex) -> None:
    """Set the time at which the first member worked again. What a shared fault explains counts no
    longer for a member that has recovered: it does not fail on its own, too."""
    first = None
    for name in episode.members:
        track = index.tracks.get(name)
        if track is None or track.bad or track.recovered_at <= episode.started_at:
            continue
        if not episode.hypothesis.model.alone:
            track.cleared_at = max(track.cleared_at, track.recovered_at)
        first = track.recovered_at if first is None else min(first, track.recovered_at)
    if first is not None and (episode.recovering_at is None or first > episode.recovering_at):
        episode.recovering_at = first


def _pending(episode: Episode, index: EvidenceIndex, since: float) -> set[str]:
    found = set()
    for name in episode.members:
        track = index.tracks.get(name)
        if track is not None and track.bad and _results_since(track, since) < 2:
            found.add(name)
    return found


def _results_since(track: Track, since: float) -> int:
    return sum(1 for o in track.window if o.at >= since)


def _is_held(track: Track) -> bool:
    """Whether a target works but is not trusted yet, because it came and went too often."""
    return track.held and not track.bad
