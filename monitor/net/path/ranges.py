"""Labels of address ranges: own subnet, private, carrier-grade NAT, link-local, AWS."""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_RANGES: tuple[tuple[str, str], ...] = (
    ("10.0.0.0/8", "private"),  # RFC 1918
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),  # RFC 6598; AWS uses it inside its network
    ("169.254.0.0/16", "link-local"),  # RFC 3927
    ("127.0.0.0/8", "loopback"),
    ("fc00::/7", "private"),  # RFC 4193
    ("fe80::/10", "link-local"),  # RFC 4291
    ("::1/128", "loopback"),
    ("192.0.2.0/24", "documentation"),  # RFC 5737
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("2001:db8::/32", "documentation"),  # RFC 3849
)
_LABELS = tuple((ipaddress.ip_network(network), label) for network, label in _RANGES)

_AWS_LIMIT = 100_000
"""Entries of ip-ranges.json that are read; the file has about 10,000."""


_ROUTES_LIMIT = 1_000
"""Routes of this host that are read: 1,000."""


class RangesError(Exception):
    """A file of AWS address ranges is not usable; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class AddressLabels:
    """Labels addresses. ``own`` are the networks that this host is on; ``aws`` are AWS's public
    ranges with region and service."""

    own: tuple[Network, ...] = ()
    aws: tuple[tuple[Network, str], ...] = ()

    def label(self, address: str) -> str:
        """Return the label of an address: "own subnet", "private", "AWS eu-central-1", "public"…"""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        if any(parsed in network for network in self.own):
            return "own subnet"
        for network, label in _LABELS:
            if parsed in network:
                return label
        matching = [(n.prefixlen, label) for n, label in self.aws if parsed in n]
        return max(matching)[1] if matching else "public"


def own_networks(folder: Path = Path("/proc/net")) -> tuple[Network, ...]:
    """Return the networks that this host is on: its routes without a gateway (proc(5)). Empty if
    the kernel does not list them."""
    return tuple(
        network
        for network in (*_routes(folder / "route", _v4), *_routes(folder / "ipv6_route", _v6))
        if 0 < network.prefixlen < network.max_prefixlen and not network.is_link_local
    )


def _routes(file: Path, parse: Callable[[list[str]], Network | None]) -> Iterator[Network]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()[:_ROUTES_LIMIT]
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        try:
            network = parse(line.split())
        except (ValueError, IndexError):  # the heading
            continue
        if network is not None:
            yield network


def _v4(fields: list[str]) -> Network | None:
    """Parse a line of /proc/net/route: interface, then words in the byte order of the host."""
    network, gateway, mask = (int(fields[n], 16).to_bytes(4, sys.byteorder) for n in (1, 2, 7))
    if any(gateway):
        return None
    return ipaddress.IPv4Network((network, str(ipaddress.IPv4Address(mask))))


def _v6(fields: list[str]) -> Network | None:
    """Parse a line of /proc/net/ipv6_route: network, prefix length, source, gateway."""
    if int(fields[4], 16) or fields[-1] == "lo":
        return None
    return ipaddress.IPv6Network((int(fields[0], 16), int(fields[1], 16)))


def aws_ranges(text: str) -> tuple[tuple[Network, str], ...]:
    """Parse AWS's ip-ranges.json (docs: "AWS IP address ranges").

    Raises:
        RangesError: if it has another format.
    """
    try:
        document = json.loads(text)
        rows: Sequence[dict[str, str]] = [*document["prefixes"], *document["ipv6_prefixes"]]
        return tuple(
            (
                ipaddress.ip_network(row.get("ip_prefix") or row["ipv6_prefix"]),
                f"AWS {row['region']}",
            )
            for row in rows[:_AWS_LIMIT]
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RangesError(f"not a file of AWS IP address ranges: {type(error).__name__}") from None
