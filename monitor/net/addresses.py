"""Which addresses may be dialled for a name that a server gave: pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from monitor.model import Reach

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""The well-known prefix of RFC 6052: the last 32 bits are an IPv4 address."""


@lru_cache(maxsize=512)
def refused(address: str, reach: Reach) -> str:
    """Say why an IP literal is not dialled ("a link-local address"); "" where it is.

    What is not of the public internet is told by the registries of RFC 6890. An IPv4 address
    within an IPv6 one (mapped, 6to4, NAT64) is looked at as such. Instance metadata and its
    like are link-local: those are dialled for nobody but the configuration.
    """
    if reach is Reach.ANY:
        return ""
    ip = _innermost(ipaddress.ip_address(address))
    if ip.is_link_local:
        return "a link-local address"
    if ip.is_unspecified or ip.is_multicast:
        return "no address of a host"
    if reach is Reach.PRIVATE or ip.is_global:
        return ""
    return "a loopback address" if ip.is_loopback else "a private address"


def _innermost(ip: IpAddress) -> IpAddress:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
