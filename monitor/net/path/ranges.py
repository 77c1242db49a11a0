"""Labels of address ranges: own subnet, private, carrier-grade NAT, link-local, AWS."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass

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
)
_LABELS = tuple((ipaddress.ip_network(network), label) for network, label in _RANGES)

_AWS_LIMIT = 100_000
"""Entries of ip-ranges.json that are read; the file has about 10,000."""


class RangesError(Exception):
    """A file of AWS address ranges is not usable; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class AddressLabels:
    """Labels addresses. ``own`` are the networks of this host's interfaces or of the VPC; ``aws``
    are AWS's public ranges with region and service."""

    own: tuple[Network, ...] = ()
    aws: tuple[tuple[Network, str], ...] = ()

    def label(self, address: str) -> str:
        """Return the label of an address: "VPC", "private", "AWS eu-central-1", "public", …"""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        if any(parsed in network for network in self.own):
            return "VPC"
        for network, label in _LABELS:
            if parsed in network:
                return label
        matching = [(n.prefixlen, label) for n, label in self.aws if parsed in n]
        return max(matching)[1] if matching else "public"


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
