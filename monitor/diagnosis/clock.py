"""Offset of this host's clock by time servers and by the dates of responses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from monitor.model.probe_result import Phase, ProbeResult

SITES = 3
"""Unrelated sites that have to agree before their dates count: 3."""

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


_SAME_NTP = 1.0
"""Difference up to which two time servers agree: 1 s beyond their uncertainties."""


class ClockSource(StrEnum):
    """Source of a clock estimate."""

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
    """Return the offset of this host's clock by all answers; None if there are too few. ``now`` is
    Unix seconds.

    Time servers are more precise than Date headers, but one of them may be wrong: those that
    agree with the dates of unrelated sites count, else the majority (RFC 5905 section 11.2.1).
    Without either, the uncertainty covers the disagreement.
    """
    recent = [
        (host, probe_result)
        for host, probe_result in answers
        if probe_result is not None
        and probe_result.ok
        and abs(now - probe_result.started_at) <= RECENT
    ]
    return _combined(_ntp_offsets(recent), _by_dates(recent))


def site_of(host: str) -> str:
    """Return what unrelated hosts do not share: the last two labels of a name. Some of them
    are a registry's (``co.uk``), which makes two sites one and the estimate only humbler."""
    return ".".join(host.lower().split(".")[-2:])


def _ntp_offsets(answers: Iterable[tuple[str, ProbeResult]]) -> list[tuple[float, float]]:
    """Return offset and uncertainty (seconds) of each time server, sorted by offset."""
    return sorted(
        (a.clock_offset, a.primary.rtt / 2)
        for _, a in answers
        if a.clock_offset is not None and a.primary and a.primary.rtt
    )


def _combined(
    servers: Sequence[tuple[float, float]], dates: ClockEstimate | None
) -> ClockEstimate | None:
    """Choose among time servers that disagree, and between them and the dates of sites."""
    if not servers:
        return dates
    groups = _groups(servers)
    largest = max(groups, key=len)
    if dates is not None:
        agreeing = [g for g in groups if abs(_middle(g) - dates.offset) <= _SAME]
        if agreeing:
            return _of_servers(max(agreeing, key=len))
        return dates if dates.sites > len(largest) else _of_servers(largest)
    if len(largest) * 2 > len(servers):
        return _of_servers(largest)
    return _of_servers(servers)


def _groups(servers: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Part servers, sorted by offset, where neighbors differ by more than ``_SAME_NTP`` beyond
    their uncertainties."""
    groups = [[servers[0]]]
    for offset, uncertainty in servers[1:]:
        before, of_before = groups[-1][-1]
        if offset - before > _SAME_NTP + uncertainty + of_before:
            groups.append([])
        groups[-1].append((offset, uncertainty))
    return groups


def _middle(servers: Sequence[tuple[float, float]]) -> float:
    return median(offset for offset, _ in servers)


def _of_servers(servers: Sequence[tuple[float, float]]) -> ClockEstimate:
    middle = _middle(servers)
    spread = max(abs(offset - middle) for offset, _ in servers)
    uncertainty = max(uncertainty for _, uncertainty in servers) + spread
    return ClockEstimate(ClockSource.NTP, middle, uncertainty, len(servers))


def confirms(probe_result: ProbeResult | None, told: ClockEstimate | None) -> bool:
    """Return whether a time server's offset is one that the whole evidence shares: a server
    that all others contradict (a falseticker) is not evidence about this host's clock."""
    offset = probe_result.clock_offset if probe_result is not None else None
    if offset is None or told is None:
        return True
    certain = abs(told.offset) - told.uncertainty > _SAME
    return certain and abs(offset - told.offset) <= told.uncertainty + _SAME


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
    """Return the offset and its source as text."""
    proxy_path = "behind" if told.offset > 0 else "ahead"
    ntp = told.source is ClockSource.NTP
    whom = "a time server" if ntp else f"the answers of {told.sites} sites"
    return f"{abs(told.offset):.0f} s {proxy_path} (± {told.uncertainty:.1f} s, by {whom})"
