"""The gateway that a runner selects: the nearest that responds, by latency. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from monitor.health.status import TargetStatus
from monitor.model.probe_result import Phase, ProbeResult
from monitor.model.state import State

RECENT = 20
"""Number of recent measurements whose median is a gateway's latency: one slow response in ten
minutes must not change it."""

BETTER_BY = 0.2
BETTER_BY_SECONDS = 0.005
"""Another gateway is selected only if it is nearer by this ratio and by this number of seconds:
between two of about equal latency, jitter must not alternate the selection."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway: the state of its entry point, the latencies (seconds) of its last responses,
    its targets, and those of them that are down. ``preferred``: a runner would select it."""

    name: str
    state: State
    recent: tuple[float, ...] = ()
    targets: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    preferred: bool = False

    @property
    def latency(self) -> float | None:
        """The median of the last latencies, in seconds; None while there is none."""
        return median(self.recent) if self.recent else None


def rollup(
    known: Sequence[Gateway], statuses: Iterable[TargetStatus], measured: str
) -> tuple[Gateway, ...]:
    """Return the gateways of ``statuses``, in their order, after a result of the target
    ``measured``. Latencies of the ``known`` gateways are kept."""
    by_name: dict[str, list[TargetStatus]] = {}
    for status in statuses:
        if status.target.endpoint.gateway:
            by_name.setdefault(status.target.endpoint.gateway, []).append(status)
    before = {gateway.name: gateway for gateway in known}
    found = [
        _stands(name, entry, members, before.get(name), measured)
        for name, members in by_name.items()
        if (entry := _entry_of(members)) is not None
    ]
    current = next((gateway.name for gateway in known if gateway.preferred), None)
    chosen = choose(found, current)
    return tuple(replace(gateway, preferred=gateway.name == chosen) for gateway in found)


def choose(gateways: Sequence[Gateway], current: str | None) -> str | None:
    """Return the name of the gateway that a runner would pick, None where none answers.

    ``current`` stays the choice while it answers and no other is clearly nearer. Nothing is
    chosen until each has been tried: the first one that answers need not be the nearest.
    """
    if any(gateway.state is State.UNKNOWN for gateway in gateways) and current is None:
        return None
    usable = {g.name: g.latency for g in gateways if g.state is not State.DOWN}
    latencies = {name: latency for name, latency in usable.items() if latency is not None}
    if not latencies:
        return None
    nearest = min(latencies, key=lambda name: latencies[name])
    if current not in latencies:
        return nearest
    margin = max(BETTER_BY * latencies[current], BETTER_BY_SECONDS)
    return nearest if latencies[nearest] + margin < latencies[current] else current


def latency_of(probe_result: ProbeResult | None) -> float | None:
    """Return how far an endpoint is, in seconds: the kernel's round-trip time. Beyond a proxy
    it is the time of the TLS handshake, a round trip through it and the work of both ends."""
    connection = probe_result.primary if probe_result and probe_result.ok else None
    if probe_result is None or connection is None:
        return None
    return connection.phases.get(Phase.TLS) if probe_result.proxy else connection.rtt


def _entry_of(members: Iterable[TargetStatus]) -> TargetStatus | None:
    entries = (
        s for s in members if s.target.endpoint.gateway_entry and not s.target.missing_values
    )
    return next(entries, None)


def _stands(
    name: str,
    entry: TargetStatus,
    members: Sequence[TargetStatus],
    before: Gateway | None,
    measured: str,
) -> Gateway:
    recent = before.recent if before and entry.state is not State.DOWN else ()
    latency = latency_of(entry.probe_result) if entry.target.id == measured else None
    if latency is not None:
        recent = (*recent, latency)[-RECENT:]
    return Gateway(
        name=name,
        state=entry.state,
        recent=recent,
        targets=tuple(s.target.id for s in members),
        down=tuple(s.target.id for s in members if s.state is State.DOWN),
    )
