"""Admission policy for the page's connections: deadlines per phase, and eviction order. Pure.

A connection costs a file descriptor and memory that probing needs. The number of connections is
therefore bounded, every phase of a connection has a deadline, and when all places are taken the
least valuable connection is closed at once instead of refusing the newest client: an orchestrator
that asks for /healthz is always the newest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address

CONNECTIONS_LIMIT = 64
"""Maximum number of open connections to the page, including unfinished TLS handshakes."""

CONNECTIONS_MINIMUM = 4
"""Number of connections that the page may always have, however few file descriptors there are."""

RESERVED_DESCRIPTORS = 256
"""File descriptors that the page leaves to probing, name resolution, exporters and files."""


class ConnectionPhase(StrEnum):
    """Phases of a connection, in the order of eviction: the least valuable phase first."""

    SILENT = "silent"
    """Accepted; the client has not sent a byte."""
    HANDSHAKE = "handshake"
    IDLE = "idle"
    """A response is complete; the client has not started another request."""
    REQUEST = "request"
    """The head of a request is incomplete."""
    STREAM = "stream"
    """Server-sent events. They have a lifetime and a send deadline of their own."""
    RESPONSE = "response"
    """A request is being handled, or its response is being written."""


DEADLINES: dict[ConnectionPhase, float] = {
    ConnectionPhase.SILENT: 10.0,
    ConnectionPhase.HANDSHAKE: 5.0,
    ConnectionPhase.IDLE: 75.0,
    ConnectionPhase.REQUEST: 10.0,
    ConnectionPhase.RESPONSE: 30.0,
}
"""Maximum time in a phase, in seconds. A connection that exceeds it is aborted. A request and a
response have one deadline each for all their bytes, so a client that sends or reads one byte per
second gains nothing."""

_EVICTION_ORDER = {phase: rank for rank, phase in enumerate(ConnectionPhase)}


@dataclass(slots=True, eq=False)
class Occupancy:
    """One place of the page's connections. ``peer`` groups addresses of one client;
    ``since`` is the time (monotonic seconds) at which the phase began."""

    peer: str
    since: float
    phase: ConnectionPhase = ConnectionPhase.SILENT
    aborted: bool = False

    def enter(self, phase: ConnectionPhase, now: float) -> None:
        """Begin a phase. Its deadline starts now."""
        self.phase, self.since = phase, now


def connection_limit(descriptors: int) -> int:
    """Return the maximum number of connections for a soft limit of file descriptors.

    Each probe needs several descriptors, so the page takes at most a quarter of those that are
    not reserved.
    """
    share = (descriptors - RESERVED_DESCRIPTORS) // 4
    return max(CONNECTIONS_MINIMUM, min(CONNECTIONS_LIMIT, share))


def exceeded(place: Occupancy, now: float, unsent: int) -> bool:
    """Report whether a connection exceeded the deadline of its phase. ``unsent`` is the number
    of bytes of a finished response that the client has not taken yet."""
    phase = place.phase
    if unsent and phase is ConnectionPhase.IDLE:
        phase = ConnectionPhase.RESPONSE
    limit = DEADLINES.get(phase)
    return limit is not None and now - place.since > limit


def eviction_candidate(places: Collection[Occupancy]) -> Occupancy | None:
    """Return the connection to close when all places are taken; None if all are being closed.

    The client with the most connections loses one, so that one client cannot displace the others.
    Of its connections, the least valuable phase goes first, and the oldest one of that phase.
    """
    present = [place for place in places if not place.aborted]
    if not present:
        return None
    held = Counter(place.peer for place in present)
    most = max(held.values())
    return min(
        (place for place in present if held[place.peer] == most),
        key=lambda place: (_EVICTION_ORDER[place.phase], place.since),
    )


def peer_group(address: str) -> str:
    """Return the group that an address belongs to: an IPv6 host owns a /64 (RFC 6177)."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return found.exploded[:19]
    return str(getattr(found, "ipv4_mapped", None) or found)
