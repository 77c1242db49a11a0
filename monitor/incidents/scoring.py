"""Scores of hypotheses: how much better each predicts the observations than separate faults. Pure.

All figures are nats (natural logarithms of probabilities). The alternative to every hypothesis is
that each host failed on its own; a hypothesis is worth assuming if its score is positive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from monitor.incidents.evidence_index import Element, EvidenceIndex
from monitor.incidents.fault_model import FaultModel, Figures, Hypothesis, Mode
from monitor.incidents.observation import Track

OWN_FAULT = 6.0
"""Cost of assuming that one host failed on its own: probability about 1 in 400."""

SUSPECT = 3.0
"""The same for one failure that nothing has confirmed yet: it may be a lost packet."""

NOISE = 4.6
"""Cost of one bad result without a fault: probability 1 in 100."""

EXEMPT = 3.0
"""Cost of one host within the element that works although the element is broken."""

LEAST_SHARE = 0.6
"""Share of the hosts within an element that have to fail before it is called broken."""


def total(
    index: EvidenceIndex,
    element: Element,
    reserved: Collection[str],
) -> Iterator[Hypothesis]:
    """Yield the hypotheses that everything in an element fails, one per part."""
    model = index.models[element[0]]
    if Mode.TOTAL not in model.modes:
        return
    failing = [
        track
        for name, track in index.bad.get(element, {}).items()
        if name not in reserved and (track.bad or model.soft)
    ]
    for part, tracks in model.parts(failing) if failing else ():
        found = _best_onset(index, model, element, part, list(tracks))
        if found is not None and model.admits(found, index.working):
            yield found


def _best_onset(
    index: EvidenceIndex, model: FaultModel, element: Element, part: str, failing: list[Track]
) -> Hypothesis | None:
    """Return the hypothesis with the onset that explains most. What failed long before has a
    reason of its own, and what worked before the onset shows nothing."""
    failing.sort(key=lambda t: -t.since.get(element, 0.0))
    members = index.members.get(element, {})
    working = sorted((t for t in members.values() if not t.exposures[element]), key=lambda t: -t.at)
    gains: dict[str, float] = {}
    healthy: set[str] = set()
    best: tuple[float, int, int] | None = None
    gain, position = 0.0, 0
    for number, track in enumerate(failing, 1):
        host, worth = track.target.host, _worth(track, element, model)
        gain += max(0.0, worth - gains.get(host, 0.0))
        gains[host] = max(worth, gains.get(host, 0.0))
        since = track.since.get(element, 0.0)
        while position < len(working) and working[position].at >= since:
            healthy.add(working[position].target.host)
            position += 1
        if number < len(failing) and failing[number].since.get(element, 0.0) == since:
            continue
        exempt = len(healthy - gains.keys())
        score = gain - EXEMPT * exempt - model.cost
        share = len(gains) / (len(gains) + exempt)
        enough = len(gains) >= model.min_hosts and share >= LEAST_SHARE
        if enough and (best is None or score >= best[0]):
            best = (score, number, position)
    if best is None:
        return None
    score, number, position = best
    chosen = failing[:number]
    hosts = {t.target.host for t in chosen}
    for track in _caught(failing[number:], element, chosen[-1].since.get(element, 0.0)):
        chosen.append(track)
        if track.target.host not in hosts:
            hosts.add(track.target.host)
            score += _worth(track, element, model)
    spared = [t for t in working[:position] if t.target.host not in hosts]
    return _hypothesis(model, element, chosen, spared, part=part, score=score)


def _hypothesis(
    model: FaultModel,
    element: Element,
    chosen: Sequence[Track],
    spared: Sequence[Track],
    *,
    part: str,
    score: float,
) -> Hypothesis:
    figures = Figures(
        results=len(chosen) + len(spared),
        bad=len(chosen),
        failing_hosts=len({t.target.host for t in chosen}),
        working_hosts=len({t.target.host for t in spared}),
    )
    onset = min(t.since.get(element, 0.0) for t in chosen)
    return Hypothesis(
        model, element[1], part, Mode.TOTAL, tuple(chosen), tuple(spared), onset, score, figures
    )


def _caught(earlier: Iterable[Track], element: Element, onset: float) -> Iterator[Track]:
    """Yield the targets whose failing probe began before the onset and was still waiting then."""
    for track in earlier:
        took = track.probe_result.duration if track.probe_result else 0.0
        if track.since.get(element, 0.0) + took > onset:
            yield track


def _worth(track: Track, element: Element, model: FaultModel) -> float:
    if track.failing:
        return OWN_FAULT
    if model.soft and not track.bad and len(track.window) >= 2:
        since = track.since.get(element, 0.0)
        if track.window[-1].at > since:
            return OWN_FAULT
    return SUSPECT


def narrowed(found: Hypothesis, claimed: Collection[str]) -> Hypothesis | None:
    """Return a hypothesis without the targets that another one explains already, with the score
    that is left; None if too little is left of it."""
    left = tuple(t for t in found.failing if t.target.id not in claimed)
    if len(left) == len(found.failing):
        return found
    if not left:
        return None
    lost = {t.target.host for t in found.failing} - {t.target.host for t in left}
    hosts = {t.target.host for t in left}
    if len(hosts) < found.model.min_hosts:
        return None
    if found.mode is Mode.PARTIAL:
        gone = (t.target.id for t in found.failing if t.target.id in claimed)
        score = found.score - sum(found.gains.get(name, 0.0) for name in gone)
        return replace(found, failing=left, score=score)
    whole = max(1, found.figures.failing_hosts)
    exempt = EXEMPT * found.figures.working_hosts
    gain = found.score + found.model.cost + exempt
    score = gain * len(hosts) / whole - found.model.cost - exempt
    figures = replace(found.figures, failing_hosts=found.figures.failing_hosts - len(lost))
    share = figures.failing_hosts / max(1, figures.failing_hosts + figures.working_hosts)
    if share < LEAST_SHARE:
        return None
    return replace(found, failing=left, score=score, figures=figures)
