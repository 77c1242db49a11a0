"""Order in which the addresses of a name are dialed, and the connection that counts: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from monitor.model.probe_result import Connection, Failure, FailureKind, Family, Phase
from monitor.model.settings import FamilyChoice
from monitor.net.sockets.address_selection import Destination, SourceOf, sorted_destinations

ADDRESSES_LIMIT = 16
"""Addresses of a name that are dialed: 16 at most."""

FALLBACK_DELAY = 0.3
"""Head start of the preferred address family: 300 ms, as in Go's net.Dialer (RFC 8305
section 5 recommends 250 ms)."""

DIAL_MINIMUM = 1.3
"""Time for one address before the next one is dialed: 1.3 s at least, so that one lost SYN, which
Linux repeats after 1 s, does not count as an address that fails. Go gives 2 s of its 30 s."""

Lane = tuple[str, ...]
"""Addresses of one family, dialed one after another until one connects."""


def lanes_of(
    addresses: Sequence[str], families: FamilyChoice, source_of: SourceOf
) -> tuple[Lane, ...]:
    """Return the addresses to dial by family, the preferred family first (RFC 6724).

    A family for which this host has no usable source address is left out if the other one has
    one, unless both are required: RFC 3493 section 6.1 (AI_ADDRCONFIG).
    """
    wanted = [a for a in addresses if _wanted(a, families)]
    if len(wanted) < 2:
        return tuple([(address,) for address in wanted])
    found = sorted_destinations(wanted[: 2 * ADDRESSES_LIMIT], source_of)
    first = family_of_address(found[0].address)
    primary = [d for d in found if family_of_address(d.address) is first]
    fallback = [d for d in found if family_of_address(d.address) is not first]
    if (
        families is FamilyChoice.AUTO
        and any(d.usable for d in primary)
        and not _any_usable(fallback)
    ):
        fallback = []
    lanes = (primary, fallback)
    return tuple([tuple([d.address for d in lane]) for lane in lanes if lane])


def _any_usable(destinations: Sequence[Destination]) -> bool:
    return any(destination.usable for destination in destinations)


def _wanted(address: str, families: FamilyChoice) -> bool:
    family = family_of_address(address)
    if families is FamilyChoice.IPV4:
        return family is Family.IPV4
    return family is Family.IPV6 if families is FamilyChoice.IPV6 else True


def by_turns(lanes: Sequence[Lane]) -> tuple[str, ...]:
    """Return the addresses of all lanes, at most ``ADDRESSES_LIMIT``, families by turns so that
    none is crowded out."""
    turns = [address for turn in zip_longest(*lanes) for address in turn if address]
    return tuple(turns[:ADDRESSES_LIMIT])


def goes_on(failure: Failure | None) -> bool:
    """Return whether a client dials the next address: a connection was not established, or a
    datagram was not answered. After that a failure is the connection's own, as in Go."""
    if failure is None:
        return False
    if failure.phase is Phase.CONNECT:
        return failure.kind in {FailureKind.TIMEOUT, FailureKind.OS_ERROR}
    return failure.phase is Phase.EXCHANGE and failure.kind in {
        FailureKind.TIMEOUT,
        FailureKind.OS_ERROR,
        FailureKind.UDP_FORMAT,
    }


@dataclass(frozen=True, slots=True)
class LaneResult:
    """The connections of one lane in the order in which they were dialed. ``established`` is
    when the last one was (seconds since the race began), None if it was not; ``ended`` when
    the lane ended."""

    connections: tuple[Connection, ...]
    established: float | None
    ended: float


def winner(lanes: Sequence[LaneResult]) -> LaneResult:
    """Return the lane whose connection a client would use (``dialParallel`` in Go's
    net/dial.go): the preferred family's, unless the other one, dialed 300 ms later or when the
    first fails, is established earlier. Without any, the preferred lane: Go reports its error.

    Both families are in fact dialed at once, so that each is measured.
    """
    primary = lanes[0]
    if len(lanes) == 1:
        return primary
    other = lanes[1]
    if other.established is None:
        return primary
    if primary.established is None:
        return other
    return primary if primary.established <= FALLBACK_DELAY + other.established else other


def failure_of_lanes(lanes: Sequence[LaneResult], families: FamilyChoice) -> Failure | None:
    """Return why a target was not reached: the failure of the connection that counts; if both
    families are required, that of any."""
    counted = winner(lanes)
    decisive = lanes if families is FamilyChoice.BOTH else (counted,)
    for lane in (counted, *decisive):
        if lane.connections[-1].failure is not None:
            return lane.connections[0 if lane.established is None else -1].failure
    return None


def family_of_address(address: str) -> Family:
    """Return the family of an IP literal."""
    return Family.IPV6 if ":" in address else Family.IPV4
