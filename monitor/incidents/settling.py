"""Whether two incidents of the first seconds may be one wider fault that shows later. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.incidents.evidence_index import Element, EvidenceIndex
from monitor.incidents.fault_model import Mode
from monitor.incidents.observation import Track
from monitor.incidents.scoring import LEAST_SHARE

SETTLING = 5.0
"""Age up to which an incident takes in what one wider fault would explain as well: 5 s. After that
another fault opens an incident of its own."""

AT_ONCE = 4
"""Incidents that would open at once, and young ones that each of them is compared with: at most 4.
A wide fault shows in a few hosts first."""


def may_be_one(index: EvidenceIndex, one: Sequence[Track], other: Sequence[Track]) -> bool:
    """Whether all of these targets fail alike within one shared element, most hosts in it that were
    probed since then fail, too, and others in it are still to be probed: these will show it."""
    tracks = (*one, *other)
    if not one or not other or len({_likeness(t) for t in tracks}) > 1:
        return False
    shared = [e for e, bad in tracks[0].exposures.items() if bad and _is_wide(index, e)]
    return any(_holds_all(index, element, tracks) for element in shared)


def _likeness(track: Track) -> object:
    """Return what targets of one fault have in common: the class of the cause, and whether a peer
    answered at all. What works is unlike everything, itself included."""
    last = track.last
    if last is None or last.evidence.cause is None:
        return track.target.id
    return last.evidence.cause.record.cause_class, last.evidence.connected


def _is_wide(index: EvidenceIndex, element: Element) -> bool:
    model = index.models[element[0]]
    return Mode.TOTAL in model.modes and not model.alone


def _holds_all(index: EvidenceIndex, element: Element, tracks: Sequence[Track]) -> bool:
    bad = index.bad.get(element, {})
    if any(t.target.id not in bad for t in tracks):
        return False
    if len(list(index.models[element[0]].parts(tracks))) > 1:
        return False
    onset = min(t.since.get(element, t.at) for t in tracks)
    failing = {t.target.host for t in bad.values()}
    others = [t for t in index.members.get(element, {}).values() if t.target.host not in failing]
    working = {t.target.host for t in others if t.at >= onset}
    unknown = {t.target.host for t in others} - working
    enough = len(failing | unknown) >= index.models[element[0]].min_hosts
    return bool(unknown) and enough and len(failing) >= LEAST_SHARE * len(failing | working)
