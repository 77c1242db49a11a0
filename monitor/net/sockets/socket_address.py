"""Socket addresses of IP literals, with the zone of a link-local one (RFC 4007)."""

from __future__ import annotations

import errno
import os
import socket

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError

SockAddr = tuple[str, int] | tuple[str, int, int, int]


def family_of(address: str) -> socket.AddressFamily:
    """Return the socket family of an IP literal."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def socket_address(address: str, port: int) -> SockAddr:
    """Return what ``connect`` takes for an IP literal.

    The zone of ``fe80::1%eth0`` is a name or index of an interface (RFC 4007 section 11) and
    goes into ``sin6_scope_id`` (RFC 3493 section 3.3): Python drops it from the literal.

    Raises:
        OSError: ENODEV, if there is no such interface.
    """
    literal, marked, zone = address.partition("%")
    if not marked:
        return address, port
    try:
        index = int(zone) if zone.isascii() and zone.isdecimal() else socket.if_nametoindex(zone)
    except (OSError, ValueError):
        raise OSError(errno.ENODEV, f"{os.strerror(errno.ENODEV)}: interface {zone}") from None
    return literal, port, 0, index


def source_of(address: str) -> str | None:
    """Return the source address that the kernel would use towards an IP literal; None if it has
    no route or no address. Connecting a datagram socket sends nothing."""
    try:
        return _source(address)
    except OSError:
        return None


def require_source(address: str) -> None:
    """Check that this host has an address to reach an IP literal from: EADDRNOTAVAIL means that
    it has none, or that all source ports are in use.

    Raises:
        ExchangeError: NO_SOURCE.
    """
    try:
        _source(address)
    except OSError as error:
        if error.errno not in _NO_ADDRESS:
            return
        family = "IPv6" if ":" in address else "IPv4"
        text = f"{os.strerror(errno.EADDRNOTAVAIL)} (no {family} source address)"
        raise ExchangeError(FailureKind.NO_SOURCE, text, "EADDRNOTAVAIL") from None


_NO_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT})
"""Errors of a host without an address or route. A lack of ports is EAGAIN for a datagram socket."""


def _source(address: str) -> str:
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
        sock.connect(socket_address(address, 9))
        return str(sock.getsockname()[0])


def local_address_of(sock: socket.socket) -> str:
    """Return the source address of a connected socket, without port; "" if it has none."""
    try:
        address = str(sock.getsockname()[0])
    except OSError:
        return ""
    return "" if address in {"0.0.0.0", "::"} else address
