"""Scores of hypotheses: how much better each predicts the observations than separate faults. Pure.

All figures are nats (natural logarithms of probabilities). The alternative to every hypothesis is
that each host failed on its own; a hypothesis is worth assuming if its score is positive.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

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

PARTIAL_SECONDS = 600.0
"""Age up to which results count for a partial fault: 600 s."""

PARTIAL_LEAST = 4
"""Bad results needed before a partial fault is assumed: 4."""

OWN_MARGIN = 3.0
"""Evidence, beyond its cost, that a partial fault of one endpoint alone needs: no other endpoint
confirms it."""

OVER = math.log(1e-4)
"""Log-likelihood of a run of good results below which a partial fault is over."""

STEADY = math.log(1e-5)
"""Log-likelihood of a run of bad results below which a target is down, not failing in part."""

PARTIAL_PART = "partial"
"""Part of the identity of a hypothesis that a share of results fails."""

ASYNCHRONOUS = 0.4
"""Share of the alternations expected of independent failures above which failures of different
targets count as independent; what fails and recovers together is one fault that comes and goes."""


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
    spared = tuple(t for t in working[:position] if t.target.host not in hosts)
    onset = min(t.since.get(element, 0.0) for t in chosen)
    figures = Figures(
        results=len(chosen) + len(spared),
        bad=len(chosen),
        failing_hosts=len(hosts),
        working_hosts=len({t.target.host for t in spared}),
    )
    return Hypothesis(
        model, element[1], part, Mode.TOTAL, tuple(chosen), spared, onset, score, figures
    )


def _worth(track: Track, element: Element, model: FaultModel) -> float:
    if track.failing:
        return OWN_FAULT
    if model.soft and not track.bad and len(track.window) >= 2:
        since = track.since.get(element, 0.0)
        if track.window[-1].at > since:
            return OWN_FAULT
    return SUSPECT


def partial(
    index: EvidenceIndex,
    element: Element,
    reserved: Collection[str],
    now: float,
    *,
    going_on: bool = False,
) -> Hypothesis | None:
    """Return the hypothesis that a share of the results in an element fails, if it holds.

    ``going_on``: an incident has that hypothesis already; it then holds until it is over.
    """
    model = index.models[element[0]]
    hit = _hit(index, element, reserved, now)
    if not hit or (not going_on and len({t.target.host for t, _ in hit}) < model.min_hosts):
        return None
    merged = _merged((track for track, _ in hit), element, now)
    if not going_on and not _independent(merged):
        return None
    onset = min(at for _, at in hit)
    counts = _counts(index, element, reserved, onset, now)
    figures = _figures(counts)
    enough = figures.bad >= PARTIAL_LEAST and figures.results > figures.bad
    if not (enough or going_on) or _is_over(merged, figures.share, index, element, now):
        return None
    score = _partial_score(model, counts, figures)
    claimed = tuple(t for t, _ in hit if not _steadily_bad(t, figures.share))
    if not claimed or (score <= 0 and not going_on):
        return None
    spared = tuple(t for t, _, k in counts if not k)
    score = max(score, 1.0) if going_on else score
    return Hypothesis(
        model, element[1], PARTIAL_PART, Mode.PARTIAL, claimed, spared, onset, score, figures
    )


def _hit(
    index: EvidenceIndex, element: Element, reserved: Collection[str], now: float
) -> list[tuple[Track, float]]:
    """Return the targets with bad results in an element, each with the time of the first."""
    found = []
    for name, track in index.members.get(element, {}).items():
        if not track.failures or name in reserved:
            continue
        for o in track.window:
            if _counts_for(track, o.at, now) and o.exposures.get(element):
                found.append((track, o.at))
                break
    return found


def _figures(counts: Sequence[tuple[Track, int, int]]) -> Figures:
    hosts = {t.target.host for t, _, k in counts if k}
    others = {t.target.host for t, _, k in counts if not k} - hosts
    results, bad = sum(n for _, n, _ in counts), sum(k for _, _, k in counts)
    return Figures(results, bad, len(hosts), len(others))


def _partial_score(
    model: FaultModel, counts: Sequence[tuple[Track, int, int]], figures: Figures
) -> float:
    if model.alone:
        own = figures.bad * NOISE - _entropy(figures.results, figures.bad)
        return own - model.cost - OWN_MARGIN
    return sum(_gain(n, k, figures.share) for _, n, k in counts) - model.cost


def _counts(
    index: EvidenceIndex,
    element: Element,
    reserved: Collection[str],
    onset: float,
    now: float,
) -> list[tuple[Track, int, int]]:
    """Return results and bad results per target since the onset."""
    found = []
    for name, track in index.members.get(element, {}).items():
        if name in reserved or track.at < onset:
            continue
        n = k = 0
        troubled = name in index.troubled
        for o in reversed(track.window):
            if o.at < onset or not _counts_for(track, o.at, now):
                break
            outcome = o.exposures.get(element) if troubled else False
            if outcome is not None:
                n += 1
                k += outcome
        if n:
            found.append((track, n, k))
    return found


def _counts_for(track: Track, at: float, now: float) -> bool:
    return now - at <= PARTIAL_SECONDS and at >= track.cleared_at


def _merged(tracks: Iterable[Track], element: Element, now: float) -> list[tuple[float, bool]]:
    """Return the outcomes of several targets in the order of time."""
    merged = [
        (o.at, outcome)
        for t in tracks
        for o in t.window
        if _counts_for(t, o.at, now) and (outcome := o.exposures.get(element)) is not None
    ]
    merged.sort()
    return merged


def _independent(merged: Sequence[tuple[float, bool]]) -> bool:
    """Whether good and bad results alternate as often as independent failures do."""
    first = next((n for n, (_, bad) in enumerate(merged) if bad), len(merged))
    tail = [bad for _, bad in merged[first:]]
    if len(tail) < 2:
        return False
    share = sum(tail) / len(tail)
    changes = sum(a is not b for a, b in pairwise(tail))
    expected = 2 * share * (1 - share) * (len(tail) - 1)
    return changes >= 3 and changes >= ASYNCHRONOUS * expected


def _is_over(
    merged: Sequence[tuple[float, bool]],
    share: float,
    index: EvidenceIndex,
    element: Element,
    now: float,
) -> bool:
    """Whether good results since the last bad one are too many for the fault to go on. Those of
    the last timeout do not count: a failure that began meanwhile is not known yet."""
    last = max(at for at, bad in merged if bad)
    needed = OVER / math.log(1 - min(max(share, 0.001), 0.99))
    good = 0
    for track in index.members.get(element, {}).values():
        until = now - track.target.timeout
        for o in reversed(track.window):
            if o.at <= last:
                break
            good += o.at <= until
        if good > needed:
            return True
    return False


def _steadily_bad(track: Track, share: float) -> bool:
    run = 0
    for o in reversed(track.window):
        if o.evidence.cause is None:
            break
        run += 1
    return run * math.log(max(share, 0.01)) < STEADY


def _entropy(n: int, k: int) -> float:
    """Cost of describing which k of n results are bad, by their own share."""
    if k in {0, n}:
        return 0.0
    p = k / n
    return -(k * math.log(p) + (n - k) * math.log(1 - p))


def _gain(n: int, k: int, share: float) -> float:
    """Margin by which a common share predicts one target's results than it alone does."""
    share = min(max(share, 0.001), 0.999)
    common = -(k * math.log(share) + (n - k) * math.log(1 - share))
    if not k:
        return -min(common, EXEMPT)
    return min(k * NOISE, OWN_FAULT + _entropy(n, k)) - common


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
    whole = max(1, found.figures.failing_hosts)
    exempt = EXEMPT * found.figures.working_hosts if found.mode is Mode.TOTAL else 0.0
    gain = found.score + found.model.cost + exempt
    score = gain * len(hosts) / whole - found.model.cost - exempt
    figures = replace(found.figures, failing_hosts=found.figures.failing_hosts - len(lost))
    share = figures.failing_hosts / max(1, figures.failing_hosts + figures.working_hosts)
    if found.mode is Mode.TOTAL and share < LEAST_SHARE:
        return None
    return replace(found, failing=left, score=score, figures=figures)
