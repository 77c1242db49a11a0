"""How far this host's clock is off, by what time servers and the answers of hosts say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from monitor.model.probe_result import Phase, ProbeResult

SITES = 3
"""So many unrelated sites have to agree before their answers tell the time."""

SKEWED = 30.0
"""Seconds beyond which answers' dates show a wrong clock: a server's own clock may be off by
a few, and a cache by more."""

RECENT = 300.0
"""Seconds after which an answer no longer counts: the clock may have been set since."""

DATE_UNCERTAINTY = 1.0
"""Seconds: a Date header has whole ones (RFC 9110 section 6.6.1), and servers make it at most
once a second."""

_SAME = 5.0
"""Seconds within which two sites that may both be off a little still agree."""


class ClockSource(StrEnum):
    """Who told the time."""

    NTP = "ntp"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """The others' clock minus ours in seconds, by how much that may be wrong, and how many
    sites agree on it."""

    source: ClockSource
    offset: float
    uncertainty: float
    sites: int

    @property
    def skewed(self) -> bool:
        """Whether it is certain that this host's clock is wrong by more than ``SKEWED``."""
        return abs(self.offset) - self.uncertainty > SKEWED


Answers = Iterable[tuple[str, ProbeResult | None]]
"""Hosts with their last attempt."""


def estimate(answers: Answers, now: float) -> ClockEstimate | None:
    """Return what the answers say of this host's clock: by NTP where a time server answered,
    else by Date headers. None where too few answer. ``now`` is Unix seconds."""
    recent = [
        (host, probe_result)
        for host, probe_result in answers
        if probe_result is not None
        and probe_result.ok
        and abs(now - probe_result.started_at) <= RECENT
    ]
    return _by_ntp([probe_result for _, probe_result in recent]) or _by_dates(recent)


def site_of(host: str) -> str:
    """Return what unrelated hosts do not share: the last two labels of a name. Some of them
    are a registry's (``co.uk``), which makes two sites one and the estimate only humbler."""
    return ".".join(host.lower().split(".")[-2:])


def _by_ntp(attempts: Sequence[ProbeResult]) -> ClockEstimate | None:
    told = [a for a in attempts if a.clock_offset is not None and a.primary and a.primary.rtt]
    if not told:
        return None
    offset = median(a.clock_offset for a in told if a.clock_offset is not None)
    uncertainty = max(a.primary.rtt / 2 for a in told if a.primary and a.primary.rtt)
    return ClockEstimate(ClockSource.NTP, offset, uncertainty, len(told))


def _by_dates(answers: Iterable[tuple[str, ProbeResult]]) -> ClockEstimate | None:
    """The median over sites of the median over each site's answers: one operator whose clock
    is off, or who caches, can't outvote the others however many hosts it has."""
    sites: dict[str, list[tuple[float, float]]] = {}
    for host, probe_result in answers:
        told = _date_offset(probe_result)
        if told is not None:
            sites.setdefault(site_of(host), []).append(told)
    offsets = {site: median(offset for offset, _ in told) for site, told in sites.items()}
    if not offsets:
        return None
    middle = median(offsets.values())
    agreeing = _agreeing(offsets, middle)
    if len(agreeing) < SITES or len(agreeing) * 2 <= len(offsets):
        return None
    uncertainty = max(median(u for _, u in sites[site]) for site in agreeing)
    return ClockEstimate(ClockSource.DATE, middle, uncertainty, len(agreeing))


def _agreeing(offsets: Mapping[str, float], middle: float) -> list[str]:
    return [site for site, offset in offsets.items() if abs(offset - middle) <= _SAME]


def _date_offset(probe_result: ProbeResult) -> tuple[float, float] | None:
    """Return offset and uncertainty of an answer whose sender's certificate was verified."""
    connection = probe_result.primary
    if connection is None or connection.http is None or connection.http.date_offset is None:
        return None
    if connection.tls is None or not connection.tls.verified:
        return None
    waited = connection.phases.get(Phase.FIRST_BYTE, 0.0)
    return connection.http.date_offset, DATE_UNCERTAINTY + waited / 2


def agrees(probe_result: ProbeResult | None, told: ClockEstimate) -> bool:
    """Whether an answer is one of those that ``told`` rests on, by its date."""
    offset = _date_offset(probe_result) if probe_result is not None and probe_result.ok else None
    return offset is not None and abs(offset[0] - told.offset) <= _SAME


def in_words(told: ClockEstimate) -> str:
    """Say how far off our clock is, and by whom."""
    proxy_path = "behind" if told.offset > 0 else "ahead"
    ntp = told.source is ClockSource.NTP
    whom = "a time server" if ntp else f"the answers of {told.sites} sites"
    return f"{abs(told.offset):.0f} s {proxy_path} (± {told.uncertainty:.1f} s, by {whom})"
