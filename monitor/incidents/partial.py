"""Hypotheses that a share of the results in an element fails, and when such a fault is over. Pure.

All figures are nats, as in ``monitor.incidents.scoring``.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from monitor.incidents.evidence_index import Element, EvidenceIndex
from monitor.incidents.fault_model import FaultModel, Figures, Hypothesis, Mode
from monitor.incidents.observation import Observation, Track
from monitor.incidents.scoring import EXEMPT, NOISE, OWN_FAULT

PARTIAL_SECONDS = 600.0
"""Age up to which results count for a partial fault: 600 s."""

PARTIAL_LEAST = 4
"""Bad results needed before a partial fault is assumed: 4."""

OWN_MARGIN = 3.0
"""Evidence, beyond its cost, that a partial fault of one endpoint alone needs: no other endpoint
confirms it."""

OVER = math.log(1e-4)
"""Log-likelihood of a run of good results below which a partial fault is over."""

OWN_OVER = math.log(0.02)
"""The same for one endpoint, whose results are few: a run that its share of failures brings about
in 2 % of the cases."""

OWN_CALM = 300.0
"""Time without a failure after which a partial fault of one endpoint is over in any case: 300 s."""

STEADY = math.log(1e-5)
"""Log-likelihood of a run of bad results below which a target is down, not failing in part."""

PARTIAL_PART = "partial"
"""Part of the identity of a hypothesis that a share of results fails."""

ASYNCHRONOUS = 0.4
"""Share of the alternations expected of independent failures above which failures of different
targets count as independent; what fails and recovers together is one fault that comes and goes."""

RECOVERY = 1.0
"""Cost of one recovery in a sequence of outages of one endpoint."""

COINCIDENCE = 4.0
"""Upper bound of the evidence per host, beyond the first, of failures that begin close together."""

LEAST_MIXED = 0.25
"""Share of targets that worked again, of those with two results or more since their first bad one,
in a partial fault: at least 25 %."""

YOUNG = 30.0
"""Age up to which a fault has too few results per target to alternate: 30 s."""

YOUNG_HOSTS = 2
"""Hosts that a fault needs while it is young: 2."""

STRATUM_WEIGHT = 2.0
"""Results that the common share of failures is worth as an expectation for a stratum: 2."""


@dataclass(frozen=True, slots=True)
class _Count:
    """Results of one target since the onset, and bad ones among them."""

    track: Track
    results: int
    bad: int


def partial(
    index: EvidenceIndex,
    element: Element,
    reserved: Collection[str],
    now: float,
    *,
    going_on: bool = False,
    known: bool = False,
    steady: bool = True,
) -> Hypothesis | None:
    """Return the hypothesis that a share of the results in an element fails, if it holds.

    ``going_on``: an incident has that hypothesis already; it then holds until it is over. While it
    is young, targets had no time to work again by themselves.
    ``known``: an incident is about the same endpoint, which fails in full as far as is known.
    ``steady``: targets that have not worked again so far count, too.
    """
    model = index.models[element[0]]
    hit = _hit(index, element, reserved, now)
    if not hit:
        return None
    merged = _merged((track for track, _ in hit), element, now)
    onset = min(at for _, at in hit)
    begun = going_on and now - onset <= YOUNG
    if not (model.alone or steady or begun or _recover_by_themselves(element, hit)):
        return None
    if not going_on and not _is_partial(model, index, element, hit, now):
        return None
    counts = _counts(index, element, reserved, onset, now)
    figures = _figures(counts)
    enough = (figures.bad >= PARTIAL_LEAST or known) and figures.results > figures.bad
    if not (enough or going_on) or _is_over(index, element, merged, counts, now):
        return None
    claimed = tuple(t for t, _ in hit if not _steadily_bad(t, figures.share))
    score, gains = _score(model, counts, figures)
    score += _coincidence(hit, now)
    if going_on or known:
        score = max(score, 1.0)
    if not claimed or score <= 0:
        return None
    spared = tuple(c.track for c in counts if not c.bad)
    return Hypothesis(
        model, element[1], PARTIAL_PART, Mode.PARTIAL, claimed, spared, onset, score, figures,
        gains=gains,
    )  # fmt: skip


def _is_partial(
    model: FaultModel,
    index: EvidenceIndex,
    element: Element,
    hit: Sequence[tuple[Track, float]],
    now: float,
) -> bool:
    """Whether good and bad results alternate as those of a fault that fails a share of them.

    In the first seconds there are few results per target: then those of all targets have to
    alternate, and hosts that begin to fail together need each other's confirmation.
    """
    onset = min(at for _, at in hit)
    hosts = len({t.target.host for t, _ in hit})
    merged = _merged((track for track, _ in hit), element, now)
    young = hosts >= YOUNG_HOSTS and now - onset <= YOUNG
    if not model.alone and young and not _is_one_outage(merged):
        tracks = index.members[element].values()
        if _alternates(model, _merged(tracks, element, onset + PARTIAL_SECONDS), hit):
            return True
    return hosts >= model.min_hosts and _alternates(model, merged, hit)


def _is_one_outage(merged: Sequence[tuple[float, bool]]) -> bool:
    """Whether everything that failed worked again afterwards at once: an outage that is over."""
    last = max(at for at, bad in merged if bad)
    first = min(at for at, bad in merged if bad)
    later = [at for at, bad in merged if not bad and at >= first]
    return bool(later) and min(later) > last


def _recover_by_themselves(element: Element, hit: Sequence[tuple[Track, float]]) -> bool:
    """Whether enough of the targets that failed worked again afterwards: targets that fail
    steadily, next to others that work, may have a total fault of their own."""
    tried = mixed = 0
    for track, first in hit:
        results, bad = track.outcomes(element).since(first)
        tried += results >= 2
        mixed += results > bad
    return mixed >= max(1.0, LEAST_MIXED * tried)


def _hit(
    index: EvidenceIndex, element: Element, reserved: Collection[str], now: float
) -> list[tuple[Track, float]]:
    """Return the targets with bad results in an element, each with the time of the first."""
    found = []
    for name, track in index.members.get(element, {}).items():
        if not track.failures or name in reserved:
            continue
        first = track.outcomes(element).first_bad(_counted_since(track, now))
        if first is not None:
            found.append((track, first))
    return found


def _figures(counts: Sequence[_Count]) -> Figures:
    hosts = {c.track.target.host for c in counts if c.bad}
    others = {c.track.target.host for c in counts if not c.bad} - hosts
    results, bad = sum(c.results for c in counts), sum(c.bad for c in counts)
    return Figures(results, bad, len(hosts), len(others))


def _counts(
    index: EvidenceIndex,
    element: Element,
    reserved: Collection[str],
    onset: float,
    now: float,
) -> list[_Count]:
    """Return results and bad results per target since the onset."""
    found = []
    for name, track in index.members.get(element, {}).items():
        if name in reserved or track.at < onset:
            continue
        since = max(onset, _counted_since(track, now))
        if name in index.troubled:
            n, k = track.outcomes(element).since(since)
        else:
            n, k = sum(o.at >= since for o in track.window), 0
        if k and (flows := _mixed_flows(track)):
            n, k = n + flows[0], k + flows[1]
        if n:
            found.append(_Count(track, n, k))
    return found


def _counted_since(track: Track, now: float) -> float:
    """Return the time from which results of a target count."""
    return max(now - PARTIAL_SECONDS, track.cleared_at)


def _mixed_flows(track: Track) -> tuple[int, int] | None:
    """Return the number of connections from chosen source ports, and of those that failed, if
    only some did."""
    flows = track.flows
    if flows is None or flows.at < track.cleared_at or not 0 < flows.failed < flows.tried:
        return None
    return flows.tried, flows.failed


def _merged(tracks: Iterable[Track], element: Element, now: float) -> list[tuple[float, bool]]:
    """Return the outcomes of several targets in the order of time."""
    merged: list[tuple[float, bool]] = []
    for track in tracks:
        seen = track.outcomes(element)
        first = bisect_left(seen.ats, _counted_since(track, now))
        merged += zip(seen.ats[first:], seen.bads[first:], strict=True)
    merged.sort()
    return merged


def _alternates(
    model: FaultModel, merged: Sequence[tuple[float, bool]], hit: Sequence[tuple[Track, float]]
) -> bool:
    """Whether results alternate often enough.

    Those of several endpoints alternate as often as independent failures do; those of one endpoint
    alternate more than outages do that begin and end. A test by source port in which only some
    connections fail shows it at once.
    """
    first = next((n for n, (_, bad) in enumerate(merged) if bad), len(merged))
    outcomes = [bad for _, bad in merged[first:]]
    at_random = _entropy(len(outcomes), sum(outcomes)) < _outages(outcomes)
    if model.alone:
        return at_random or any(_mixed_flows(t) for t, _ in hit)
    if len(outcomes) < 2 or not at_random:
        return False
    share = sum(outcomes) / len(outcomes)
    changes = sum(a is not b for a, b in pairwise(outcomes))
    expected = 2 * share * (1 - share) * (len(outcomes) - 1)
    return changes >= 3 and changes >= ASYNCHRONOUS * expected


def _outages(outcomes: Iterable[bool]) -> float:
    """Return the cost of the best account of results by outages that begin and end: a failure
    outside of them is noise, and so is a success within one. The first outage costs nothing."""
    before, during, after = 0.0, math.inf, math.inf
    for bad in outcomes:
        failed, worked = (NOISE, 0.0) if bad else (0.0, NOISE)
        begun = min(before, during, after + OWN_FAULT)
        after = min(after, during + RECOVERY) + failed
        before, during = before + failed, begun + worked
    return min(before, during, after)


def _is_over(
    index: EvidenceIndex,
    element: Element,
    merged: Sequence[tuple[float, bool]],
    counts: Sequence[_Count],
    now: float,
) -> bool:
    """Whether good results since the last bad one are too many for the fault to go on.

    The share that it fails is that up to its last failure: what came after must not make the
    fault look rarer the longer it is over. Results of the last timeout do not count: a failure that
    began meanwhile is not known yet.
    """
    model = index.models[element[0]]
    last = max(at for at, bad in merged if bad)
    good, after = 0, dict[str, int]()
    for name, track in index.members.get(element, {}).items():
        recent = tuple(_since(track, last))
        after[name] = len(recent)
        good += sum(o.at <= now - track.target.timeout for o in recent)
    bad = sum(count.bad for count in counts)
    before = sum(count.results - after[count.track.target.id] for count in counts)
    share = bad / max(before, bad, 1)
    least = OWN_OVER if model.alone else OVER
    if good > least / math.log(1 - min(max(share, 0.001), 0.99)):
        return True
    return model.alone and good > 0 and now - last >= OWN_CALM


def _since(track: Track, last: float) -> Iterator[Observation]:
    """Yield the results after a time, the newest first."""
    for seen in reversed(track.window):
        if seen.at <= last:
            break
        yield seen


def _steadily_bad(track: Track, share: float) -> bool:
    run = 0
    for o in reversed(track.window):
        if o.evidence.cause is None:
            break
        run += 1
    return run * math.log(max(share, 0.01)) < STEADY


def _score(
    model: FaultModel, counts: Sequence[_Count], figures: Figures
) -> tuple[float, dict[str, float]]:
    """Return the score, and its parts by target id."""
    if model.alone:
        own = figures.bad * NOISE - _entropy(figures.results, figures.bad)
        return own - model.cost - OWN_MARGIN, {}
    strata: dict[str, dict[str, list[_Count]]] = {}
    for count in counts:
        hosts = strata.setdefault(model.stratum(count.track), {})
        hosts.setdefault(count.track.target.host, []).append(count)
    sums = {key: _sums(c for host in hosts.values() for c in host) for key, hosts in strata.items()}
    main = max(sums, key=lambda key: sums[key][1])
    share = min(max(sums[main][1] / sums[main][0], 0.001), 0.999)
    gains: dict[str, float] = {}
    for key, hosts in strata.items():
        each = 0.0 if key == main else _related_cost(sums[key], share) / sums[key][0]
        for members in hosts.values():
            gain = _gain(members, share) if key == main else _other_gain(members, each)
            gains.update((c.track.target.id, gain / len(members)) for c in members)
    return sum(gains.values()) - model.cost, gains


def _coincidence(hit: Sequence[tuple[Track, float]], now: float) -> float:
    """Return how much more probable a common cause is because hosts began to fail close together:
    faults of their own begin at any time."""
    began: dict[str, float] = {}
    for track, at in hit:
        began[track.target.host] = min(at, began.get(track.target.host, at))
    span = max(10.0, max(began.values()) - min(began.values()))
    each = min(COINCIDENCE, math.log(PARTIAL_SECONDS / span))
    confirmed = {t.target.host for t, _ in hit if t.failing or t.held}
    return max(0.0, each) * max(0, len(confirmed) - 1)


def _sums(counts: Iterable[_Count]) -> tuple[int, int]:
    results = bad = 0
    for count in counts:
        results, bad = results + count.results, bad + count.bad
    return results, bad


def _gain(members: Sequence[_Count], share: float) -> float:
    """Margin by which a common share predicts the results of one host than it alone does."""
    n, k = _sums(members)
    common = -(k * math.log(share) + (n - k) * math.log(1 - share))
    return _alone(members) - common if k else -min(common, EXEMPT)


def _other_gain(members: Sequence[_Count], each: float) -> float:
    return _alone(members) - each * _sums(members)[0]


def _related_cost(sums: tuple[int, int], share: float) -> float:
    """Return the cost of results whose share of failures is related to the common one but not
    equal (beta-binomial distribution)."""
    n, k = sums
    a, b = STRATUM_WEIGHT * share, STRATUM_WEIGHT * (1 - share)
    return _log_beta(a, b) - _log_beta(a + k, b + n - k)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _alone(members: Sequence[_Count]) -> float:
    """Return the cost of the bad results of one host without a common fault: noise, or a fault of
    its own."""
    noise = sum(c.bad for c in members) * NOISE
    return min(noise, OWN_FAULT + sum(_entropy(c.results, c.bad) for c in members if c.bad))


def _entropy(n: int, k: int) -> float:
    """Cost of describing which k of n results are bad, by their own share."""
    if k in {0, n}:
        return 0.0
    p = k / n
    return -(k * math.log(p) + (n - k) * math.log(1 - p))
