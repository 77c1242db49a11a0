"""This host's clock is wrong, by a time server, by the dates of answers, or by certificates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.diagnosis.clock import ClockSource, confirms, estimate, in_words, site_of
from monitor.diagnosis.issuers import issuer_of, leaf_of
from monitor.incidents.fault_model import Exposure, FaultModel, Hypothesis, Working, cause_of
from monitor.incidents.observation import Evidence, Track
from monitor.model.causes import Cause
from monitor.model.incident import Scope

C = Cause
LEAST_SITES = 3
"""Unrelated sites that have to agree: 3."""

LEAST_ISSUERS = 2
"""Issuers whose certificates have all expired: 2. One alone may have let its own lapse."""

_INVALID = (C.TLS_NOT_YET_VALID, C.TLS_EXPIRED)


class HostClock(FaultModel):
    """The clock of this host is wrong."""

    name = "clock"
    scope = Scope.HOST
    cost = 2.5
    min_hosts = 1
    soft = True

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.cause is C.CLOCK_SKEW or evidence.cause in _INVALID or evidence.skewed:
            yield "clock", True
        elif evidence.skewed is False:
            yield "clock", False

    def admits(self, found: Hypothesis, working: Working) -> bool:
        return bool(self.claims(found))

    def claims(self, found: Hypothesis) -> Sequence[Track]:
        """Targets whose time server, dates or certificates show that the clock is wrong."""
        newest = max(t.at for t in found.failing)
        by_dates = estimate(((t.target.host, t.probe_result) for t in found.failing), newest)
        told = [
            t
            for t in found.failing
            if t.bad and cause_of(t) is C.CLOCK_SKEW and confirms(t.probe_result, by_dates)
        ]
        dated = _dated(found.failing)
        early = [t for t in found.failing if t.bad and cause_of(t) is C.TLS_NOT_YET_VALID]
        invalid, _ = _invalid_now(found.failing)
        if not (told or dated or invalid):
            return ()
        return list({t.target.id: t for t in (*told, *dated, *invalid, *early)}.values())

    def subject(self, found: Hypothesis) -> str:
        return "clock"

    def cause(self, found: Hypothesis) -> Cause:
        return C.CLOCK_SKEW

    def detail(self, found: Hypothesis, working: Working) -> str:
        words = clock_words(found.failing) or "wrong"
        return f"This host's clock is {words}: certificates and signed requests are refused."

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Set the clock (`chronyc makestep`) and synchronize it with 169.254.169.123, the "
            "Amazon Time Sync Service."
        )

    def facts(self, found: Hypothesis) -> dict[str, str]:
        words = clock_words(found.failing)
        return {"clock": words} if words else {}


def clock_words(tracks: Sequence[Track]) -> str:
    """Return how far off this host's clock is, "" if nothing shows it."""
    newest = max((t.at for t in tracks), default=0.0)
    told = estimate(((t.target.host, t.probe_result) for t in tracks), newest)
    if told is not None and (told.source is ClockSource.NTP or told.skewed):
        return in_words(told)
    return _invalid_now(tracks)[1]


def _dated(tracks: Sequence[Track]) -> list[Track]:
    dated = [t for t in tracks if not t.failing and t.last and t.last.evidence.skewed]
    return dated if len({site_of(t.target.host) for t in dated}) >= LEAST_SITES else []


def _invalid_now(tracks: Sequence[Track]) -> tuple[list[Track], str]:
    """Return what shows certificates of unrelated sites that are all not valid yet, or all no
    longer, and by how much the clock must be wrong then."""
    for cause in _INVALID:
        members = [t for t in tracks if t.bad and cause_of(t) is cause]
        shown = [(t, leaf) for t in members if (leaf := leaf_of(t.probe_result)) is not None]
        expired = cause is C.TLS_EXPIRED
        hosts = len({t.target.host for t in members})
        spread = len({site_of(t.target.host) for t in members}) if expired else hosts
        if spread < LEAST_SITES:
            continue
        if expired and len({issuer_of(leaf) for _, leaf in shown}) < LEAST_ISSUERS:
            continue
        wrong_by = [
            t.at - leaf.not_after if expired else leaf.not_before - t.at for t, leaf in shown
        ]
        direction = "ahead" if expired else "behind"
        least = f"at least {_span(min(wrong_by))} " if wrong_by and min(wrong_by) > 0 else ""
        return members, f"{least}{direction} (by the certificates of {hosts} hosts)"
    return [], ""


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
