"""Greedy choice of the few hypotheses that explain every failing target exactly once. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from monitor.incidents import scoring
from monitor.incidents.evidence_index import Element, EvidenceIndex
from monitor.incidents.fault_model import Hypothesis, Mode
from monitor.incidents.observation import Track
from monitor.incidents.partial import PARTIAL_PART, partial

KEEP = 2.0
"""Bonus in nats of a hypothesis that an open incident has: another one replaces it only if it is
better by more."""

SLICE = 64
"""Elements that are judged before other work may run."""

Identity = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Reserved:
    """Targets of incidents that recover, by id, whose last result is older than the recovery:
    nothing is known about them yet, and nothing narrower is claimed of them. Those in ``alone``
    are in incidents of one endpoint, which a partial fault of several may explain better."""

    shared: set[str] = field(default_factory=set)
    alone: set[str] = field(default_factory=set)


Ranked = tuple[float, Identity, int, Hypothesis]
"""A hypothesis behind what it is ordered by: its value (negated), and its identity among equals, so
that the order of targets decides nothing."""


def candidates(
    index: EvidenceIndex,
    reserved: Reserved,
    favored: Collection[Identity],
    recent: Collection[Element],
    now: float,
    *,
    alone: bool,
) -> Iterator[Hypothesis | None]:
    """Yield the hypotheses with evidence for them; None at points at which to pause."""
    everything = reserved.shared | reserved.alone
    elements: dict[Element, None] = {}
    parts = _failing_in_part(index, favored)
    for number, track in enumerate(tuple(index.troubled.values())):
        if number % SLICE == 0:
            yield None
        elements.update((e, None) for e in _elements(index, track) if _wanted(index, e, alone))
    for number, element in enumerate(elements):
        wide = len(index.members.get(element, ())) > SLICE
        if wide or number % SLICE == 0:
            yield None
        if element in index.bad:
            in_part = element in parts
            for found in scoring.total(index, element, everything):
                if not (in_part and found.working):
                    yield found
        if wide:
            yield None
        if Mode.PARTIAL in index.models[element[0]].modes:
            going_on = (*element, PARTIAL_PART) in favored
            known = alone and (index.models[element[0]].counterpart, element[1]) in recent
            kept = everything if alone else reserved.shared
            yield partial(index, element, kept, now, going_on=going_on, known=known, steady=False)


def _in_part(index: EvidenceIndex, favored: Collection[Identity]) -> Iterator[Identity]:
    """Yield the identities of partial faults of the hosts that open incidents are about: the same
    incident goes on if a share of the results turns out to fail."""
    partly = {m.counterpart: m.name for m in index.models.values() if m.alone and m.counterpart}
    for name, key, _ in favored:
        if name in partly:
            yield partly[name], key, PARTIAL_PART


def _failing_in_part(index: EvidenceIndex, favored: Collection[Identity]) -> set[Element]:
    """Return the elements that open incidents show to fail in part: as long as something within
    them works, that explains their failures."""
    models = index.models
    partly = ((models[name], key) for name, key, part in favored if part == PARTIAL_PART)
    return {(model.counterpart, key) for model, key in partly if not model.alone}


def _left_over(
    index: EvidenceIndex, claimed: Collection[str], favored: Collection[Identity], now: float
) -> Iterator[Hypothesis | None]:
    """Yield partial faults of what no total fault of several explains, although none of it has
    worked again so far: hosts that began to fail together, next to others that work."""
    left = [t for t in tuple(index.troubled.values()) if t.target.id not in claimed and t.failures]
    elements = {
        e: None
        for t in left
        for e in t.exposures
        if Mode.PARTIAL in index.models[e[0]].modes and not index.models[e[0]].alone
    }
    for element in elements:
        yield None
        going_on = (*element, PARTIAL_PART) in favored
        yield partial(index, element, claimed, now, going_on=going_on)


def _wanted(index: EvidenceIndex, element: Element, alone: bool) -> bool:
    return index.models[element[0]].alone is alone


def _elements(index: EvidenceIndex, track: Track) -> Iterator[Element]:
    """Elements that a target depends on, now or by a bad result in its window."""
    for element, bad in track.exposures.items():
        if bad or Mode.PARTIAL in index.models[element[0]].modes:
            yield element


def choose(
    index: EvidenceIndex,
    reserved: Reserved,
    favored: Collection[Identity],
    recent: Collection[Element],
    now: float,
) -> Iterator[Hypothesis | None]:
    """Yield the chosen hypotheses, the best first; None at points at which to pause."""
    claimed: set[str] = set(reserved.shared)
    known = {*favored, *_in_part(index, favored)}
    shared = candidates(index, reserved, favored, recent, now, alone=False)
    yield from _chosen(shared, claimed, known, alone=False)
    yield from _chosen(_left_over(index, claimed, favored, now), claimed, known, alone=False)
    claimed.update(reserved.alone)
    single = candidates(index, reserved, favored, recent, now, alone=True)
    yield from _chosen(single, claimed, known, alone=True)


def _chosen(
    found_ones: Iterator[Hypothesis | None],
    claimed: set[str],
    favored: Collection[Identity],
    *,
    alone: bool,
) -> Iterator[Hypothesis | None]:
    heap: list[Ranked] = []
    order = count()
    for found in found_ones:
        if found is None:
            yield None
        elif (value := _value(found, favored)) > 0 or alone:
            heapq.heappush(heap, (-value, found.identity, next(order), found))
    yield None
    yield from _best_first(heap, order, claimed, favored, alone)


def _best_first(
    heap: list[Ranked],
    order: Iterator[int],
    claimed: set[str],
    favored: Collection[Identity],
    alone: bool,
) -> Iterator[Hypothesis | None]:
    """Yield the best hypothesis of what is left, again and again; ``claimed`` grows by the
    targets that each explains. None at points at which to pause."""
    for turn in count(1):
        if not heap:
            return
        if turn % SLICE == 0:
            yield None
        _, _, _, found = heapq.heappop(heap)
        left = scoring.narrowed(found, claimed)
        if left is None:
            continue
        if left is not found:
            worth = _value(left, favored)
            if worth > 0 or alone:
                heapq.heappush(heap, (-worth, left.identity, next(order), left))
            continue
        members = tuple(t for t in found.model.claims(found) if t.target.id not in claimed)
        if members and (not alone or _is_confirmed(found)):
            claimed.update(t.target.id for t in members)
            yield replace(found, failing=members)


def _value(found: Hypothesis, favored: Collection[Identity]) -> float:
    return found.score + (KEEP if found.identity in favored else 0.0)


def _is_confirmed(found: Hypothesis) -> bool:
    return found.mode is Mode.PARTIAL or any(t.failing for t in found.failing)
