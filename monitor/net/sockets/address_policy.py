"""Addresses that may be dialed for a name that a server gave: pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from monitor.model.target import AddressPolicy

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_EMBEDDING = tuple(
    map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96"))
)
"""Prefixes whose last 32 bits are an IPv4 address: NAT64 (RFC 6052, RFC 8215), its predecessor
(RFC 2765), and the IPv4-compatible addresses (RFC 4291 section 2.5.5.1)."""

_INSTANCE = ipaddress.IPv6Network("fd00:ec2::/32")
"""Services of AWS for each instance over IPv6: metadata, credentials, DNS and time (Amazon EC2 user
guide, "Access instance metadata"; Amazon EKS user guide, "EKS Pod Identity")."""


@lru_cache(maxsize=512)
def denial_reason(address: str, address_policy: AddressPolicy) -> str:
    """Return why an IP literal is not dialed ("a link-local address"); "" if it is.

    The registries of RFC 6890 list what is not of the public internet. An IPv4 address
    within an IPv6 one (mapped, 6to4, NAT64) is judged as such. Instance metadata and its
    like are link-local, or AWS's own by IPv6: those are dialed for the configuration only.
    """
    if address_policy is AddressPolicy.ANY:
        return ""
    ip = _innermost(ipaddress.ip_address(address))
    if ip.is_link_local:
        return "a link-local address"
    if ip in _INSTANCE:
        return "an address of AWS's services for an instance"
    if ip.is_unspecified or ip.is_multicast:
        return "no address of a host"
    site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    if address_policy is AddressPolicy.PRIVATE or (ip.is_global and not site_local):
        return ""
    return "a loopback address" if ip.is_loopback else "a private address"


def _innermost(ip: IpAddress) -> IpAddress:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if any(ip in network for network in _EMBEDDING) and not (ip.is_loopback or ip.is_unspecified):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
