"""Fault models: the closed set of hypotheses that explain failures. One class per model.

A fault model shows which results it bears on and what it predicts for them (``exposures``), what
it costs to assume it (``cost``), and how it is worded. Everything else (scores, selection,
identity over time) is common to all. To add one: write a subclass in a file of its own in
``monitor/incidents/models/`` and add it to ``MODELS`` there. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from monitor.catalog.groups import rank
from monitor.common.listing import listed
from monitor.incidents.observation import RESOLVER_GROUP, Evidence, Track
from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.state import State

Exposure = tuple[str, bool]
"""Key of an element that a result depended on, and whether the result is bad in the way that
the model predicts. A result that shows nothing about an element has no exposure to it."""

NAMED = 3
"""Names in one sentence: at most 3."""


class Mode(StrEnum):
    """Intensity of a fault: every probe_result fails, or a share of them."""

    TOTAL = "total"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts behind a hypothesis: results and bad ones among them since the onset, and the hosts
    that fail and that work within the element."""

    results: int = 0
    bad: int = 0
    failing_hosts: int = 0
    working_hosts: int = 0

    @property
    def share(self) -> float:
        """Share of bad results, 0 to 1."""
        return self.bad / self.results if self.results else 1.0


Working = Callable[[str, str, float], Sequence[Track]]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A fault model applied to one element, with the evidence for it and against it.

    ``onset`` is Unix seconds. ``failing`` are the targets that it explains, ``working`` those
    within the element that work since the onset. ``score`` is in nats; ``gains`` are the parts of
    it by target id, of a fault that fails a share of the results.
    """

    model: FaultModel
    key: str
    part: str
    mode: Mode
    failing: tuple[Track, ...]
    working: tuple[Track, ...]
    onset: float
    score: float
    figures: Figures = Figures()
    evidence: Mapping[str, str] = field(default_factory=dict)
    gains: Mapping[str, float] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str, str]:
        """Identity of the incident: model, element and part."""
        return self.model.name, self.key, self.part

    @property
    def kinship(self) -> tuple[str, str]:
        """Element, whether it fails in full or in part."""
        return self.model.counterpart or self.model.name, self.key

    @property
    def bad(self) -> tuple[Track, ...]:
        """The failing targets whose last result is bad."""
        return tuple(t for t in self.failing if t.bad) or self.failing


class FaultModel:
    """One kind of fault. Subclasses set the class attributes and override what differs."""

    name: ClassVar[str]
    scope: ClassVar[Scope]
    cost: ClassVar[float]
    """Complexity cost in nats: evidence needed before the model is assumed."""

    min_hosts: ClassVar[int] = 2
    """Distinct hosts that have to fail."""

    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.TOTAL})
    alone: ClassVar[bool] = False
    """Whether the model is about one endpoint alone; it is tried when nothing shared is left."""

    counterpart: ClassVar[str] = ""
    """Name of the model of the same element that fails in full, "" if there is none."""

    soft: ClassVar[bool] = False
    """Whether results count that reached their endpoint (one family failed, a foreign page)."""

    state: ClassVar[State | None] = None
    """State that the affected targets have at least, whatever their own results report."""

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        """Return what a result shows about the elements that the model knows."""
        raise NotImplementedError

    def stratum(self, track: Track) -> str:
        """Return what else, beside the element, the share of failures of a target depends on."""
        return ""

    def parts(self, failing: Sequence[Track]) -> Iterable[tuple[str, Sequence[Track]]]:
        """Split what fails within one element, if different causes are different faults."""
        return (("", failing),)

    def admits(self, found: Hypothesis, working: Working) -> bool:
        """Whether the model may be assumed at all. ``working(model, key, since)`` returns what
        works in another element."""
        return True

    def claims(self, found: Hypothesis) -> Sequence[Track]:
        """Return the targets that the hypothesis explains."""
        return found.failing

    def subject(self, found: Hypothesis) -> str:
        """Return the name of what is broken."""
        return found.key

    def cause(self, found: Hypothesis) -> Cause:
        """Return the cause that the incident is reported with."""
        return most_common(found.bad)

    def detail(self, found: Hypothesis, working: Working) -> str:
        """Return one sentence: what was observed, and what follows."""
        raise NotImplementedError

    def remediation(self, found: Hypothesis) -> str:
        """Return what to do, and where to look first."""
        raise NotImplementedError

    def facts(self, found: Hypothesis) -> Mapping[str, str]:
        """Return facts to add to the evidence of the incident."""
        return {}

    def alternative(self, found: Hypothesis) -> str:
        """Return both explanations that remain and what would separate them (``either``); "" if
        there is one."""
        return ""


def either(one: str, other: str, decided_by: str) -> str:
    """Return the confidence of two explanations and the observation that would separate them."""
    return f"either {one} or {other}; {decided_by} would separate the two"


def cause_of(track: Track) -> Cause | None:
    """Return the cause of the last bad result in the window."""
    for seen in reversed(track.window):
        if seen.evidence.cause is not None:
            return seen.evidence.cause
    return track.trouble.cause if track.trouble else None


def most_common(tracks: Sequence[Track], among: frozenset[Cause] | None = None) -> Cause:
    """Return the most frequent cause; of equals, the one that comes first in the closed set."""
    counts: dict[Cause, int] = {}
    for track in tracks:
        cause = cause_of(track)
        if cause is not None and (among is None or cause in among):
            counts[cause] = counts.get(cause, 0) + 1
    order = list(Cause)
    if not counts:
        return Cause.TCP_TIMEOUT
    return max(counts, key=lambda cause: (counts[cause], -order.index(cause)))


def hosts_of(tracks: Iterable[Track]) -> list[str]:
    """Return distinct hosts, those of the most important groups first, name servers last."""
    ordered = sorted(
        {(t.target.group == RESOLVER_GROUP, rank(t.target.group), t.target.host) for t in tracks}
    )
    return list(dict.fromkeys(host for _, _, host in ordered))


def names(tracks: Iterable[Track], limit: int = NAMED) -> str:
    """Name at most three hosts and count the others."""
    return listed([shorten(host) for host in hosts_of(tracks)], limit)


def shorten(host: str) -> str:
    """Shorten a host whose first label holds an id that shows nothing to a reader."""
    label, dot, rest = host.partition(".")
    return f"*.{rest}" if dot and (len(label) > 30 or "0000" in label) else host


def domains(tracks: Iterable[Track]) -> list[str]:
    """Return the distinct last two labels of the hosts."""
    return list(dict.fromkeys(site(host) for host in hosts_of(tracks)))


def site(host: str) -> str:
    """Return the last two labels of a name; a literal address as it is."""
    return (
        host if host.replace(".", "").isdigit() or ":" in host else ".".join(host.split(".")[-2:])
    )


def still_works(found: Hypothesis) -> str:
    """Return a remark on what works within the element, "" if nothing is known to."""
    hosts = hosts_of(found.working)
    if not hosts:
        return ""
    return f" Still works: {names(found.working)}."


def counted(found: Hypothesis) -> str:
    """Return how many hosts fail: ``all 11 hosts tried`` or ``11 of 15 hosts``."""
    figures = found.figures
    whole = figures.failing_hosts + figures.working_hosts
    if not figures.working_hosts:
        return f"all {figures.failing_hosts} hosts tried"
    return f"{figures.failing_hosts} of {whole} hosts"
