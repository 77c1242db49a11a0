"""Order of destination addresses as in Go: RFC 6724 section 6, as far as Go follows it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key, lru_cache

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
SourceOf = Callable[[str], str | None]

_POLICY = tuple(
    (ipaddress.IPv6Network(prefix), precedence, label)
    for prefix, precedence, label in (
        ("::1/128", 50, 0),
        ("::ffff:0:0/96", 35, 4),
        ("::/96", 1, 3),
        ("2001::/32", 5, 5),
        ("2002::/16", 30, 2),
        ("3ffe::/16", 1, 12),
        ("fec0::/10", 1, 11),
        ("fc00::/7", 3, 13),
        ("::/0", 40, 1),
    )
)
"""Prefix, precedence and label by length of the prefix: the default policy table of RFC 6724
section 2.1."""

_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 0x2, 0x5, 0xE


@dataclass(frozen=True, slots=True)
class _Attributes:
    """The properties of an address that the rules compare. ``prefix`` holds its first 64 bits,
    and is None for IPv4."""

    scope: int
    precedence: int
    label: int
    prefix: int | None


@dataclass(frozen=True, slots=True)
class Destination:
    """An address to be dialled and the source address the kernel has for it, None if it has
    no route or no address of that family."""

    address: str
    source: str | None

    @property
    def usable(self) -> bool:
        """Return whether the host is connected to it: it has a source, and for IPv6 one that
        is not link-local unless the destination is (RFC 6724 section 5, rule 2). A default
        route from a router advertisement alone does not connect the host. IPv4 is translated often
        enough that a link-local source can be right (Amazon EKS in IPv6 clusters)."""
        if self.source is None:
            return False
        if ":" not in self.address:
            return True
        return _attributes(self.source).scope > _LINK_LOCAL or (
            _attributes(self.address).scope <= _LINK_LOCAL
        )


def sorted_destinations(addresses: Sequence[str], source_of: SourceOf) -> tuple[Destination, ...]:
    """Return the addresses in the order in which Go dials them (``sortByRFC6724`` in
    net/addrselect.go): rules 1, 2, 5, 6, 8, for IPv6 rule 9, and else the order given."""
    found = [Destination(address, source_of(address)) for address in addresses]
    return tuple(sorted(found, key=cmp_to_key(_compare)))


def _compare(one: Destination, other: Destination) -> int:
    """Return a negative number if ``one`` is preferred, positive if ``other`` is, else 0."""
    if one.source is None or other.source is None:
        return (one.source is None) - (other.source is None)
    a, source_a = _attributes(one.address), _attributes(one.source)
    b, source_b = _attributes(other.address), _attributes(other.source)
    native_v6 = a.prefix is not None and b.prefix is not None
    return (
        (b.scope == source_b.scope) - (a.scope == source_a.scope)
        or (b.label == source_b.label) - (a.label == source_a.label)
        or b.precedence - a.precedence
        or a.scope - b.scope
        or (native_v6 and _common_bits(b, source_b) - _common_bits(a, source_a))
    )


def _common_bits(one: _Attributes, other: _Attributes) -> int:
    if one.prefix is None or other.prefix is None:
        return 0
    return 64 - (one.prefix ^ other.prefix).bit_length()


@lru_cache(maxsize=1024)
def _attributes(address: str) -> _Attributes:
    ip: IpAddress = ipaddress.ip_address(address)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    v4 = ip if isinstance(ip, ipaddress.IPv4Address) else mapped
    full = ipaddress.IPv6Address(0xFFFF << 32 | int(v4)) if v4 else ipaddress.IPv6Address(int(ip))
    precedence, label = next((p, name) for net, p, name in _POLICY if full in net)
    return _Attributes(
        scope=_scope(v4 or ip),
        precedence=precedence,
        label=label,
        prefix=None if v4 else int(full) >> 64,
    )


def is_link_local_v6(address: str) -> bool:
    """Return whether an IP literal is a link-local IPv6 address."""
    try:
        return ipaddress.IPv6Address(address).is_link_local
    except ValueError:
        return False


def _scope(ip: IpAddress) -> int:
    """Return the scope of an address (RFC 6724 section 3.1), loopback being link-local."""
    if ip.is_loopback or ip.is_link_local:
        return _LINK_LOCAL
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_multicast:
            return ip.packed[1] & 0xF
        if ip.is_site_local:
            return _SITE_LOCAL
    return _GLOBAL
