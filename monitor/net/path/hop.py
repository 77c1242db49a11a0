"""One path probe: a TCP SYN or a UDP datagram with a limited time to live.

The kernel queues the ICMP error of the hop where the packet expires (IP_RECVERR, ip(7)), so no
raw socket and no capability is needed, and the probe uses the very port that fails. The kernel
accepts only errors that quote the ports of the socket and, for TCP, a sequence number in the
window (RFC 5927), so an off-path sender cannot fake a hop.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import time
from dataclasses import dataclass

from monitor.model.path import HopReply, ReplyKind, Transport
from monitor.net.sockets.icmp import IcmpError, keep_icmp_errors, read_icmp_error
from monitor.net.sockets.receive_time import BUFFER as RECEIVE_TIME_SPACE
from monitor.net.sockets.receive_time import receive_time, request_receive_times
from monitor.net.sockets.socket_address import family_of
from monitor.net.sockets.tcp_info import tcp_facts

_IPV6_UNICAST_HOPS = 16  # Linux include/uapi/linux/in6.h
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with a timeout of 0: closing sends RST, so no TIME_WAIT and no data remain."""

_RESPONSE_LIMIT = 2048

INITIAL_RTO = 1.0
"""Time after which Linux retransmits a SYN: 1 s (RFC 6298 section 2)."""

# ICMP (RFC 792, 1122, 1812) and ICMPv6 (RFC 4443) by (type, code).
_EXPIRED_V4, _EXPIRED_V6 = frozenset({(11, 0), (11, 1)}), frozenset({(3, 0), (3, 1)})
_PROHIBITED_V4 = frozenset({(3, 9), (3, 10), (3, 13)})
_PROHIBITED_V6 = frozenset({(1, 1), (1, 5), (1, 6)})


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination of path probes. ``payload`` is the datagram to send over UDP."""

    address: str
    port: int
    transport: Transport = Transport.TCP
    payload: bytes = b""


async def probe_hop(
    destination: Destination, ttl: int, within: float, source_port: int = 0
) -> HopReply:
    """Send one probe with time to live ``ttl`` and return the reply within ``within`` seconds.

    ``source_port`` 0 lets the kernel choose. Raises nothing except cancellation.
    """
    try:
        sock = _open(destination, ttl, source_port)
    except OSError as error:
        return HopReply(ttl, ReplyKind.NOT_SENT, error=os.strerror(error.errno or 0))
    begun = _Begun.now()
    try:
        number = sock.connect_ex((destination.address, destination.port))
        if number not in {0, errno.EINPROGRESS}:
            return _failed(sock, destination, ttl, number, begun)
        if destination.transport is Transport.UDP:
            sock.send(destination.payload)
        return await _reply(sock, destination, ttl, within, begun)
    except OSError as error:
        return _failed(sock, destination, ttl, error.errno or 0, begun)
    finally:
        sock.close()


@dataclass(frozen=True, slots=True)
class _Begun:
    """The moment immediately before a probe is sent."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> _Begun:
        return cls(time.monotonic(), time.clock_gettime(time.CLOCK_REALTIME))

    def until(self, arrival: float | None) -> float:
        """Return seconds until ``arrival`` by the kernel (Unix seconds), or until now if that is
        not known or the clock was set meanwhile."""
        waited = time.monotonic() - self.monotonic
        if arrival is None or not 0 <= arrival - self.wall <= waited:
            return waited
        return arrival - self.wall


def _open(destination: Destination, ttl: int, source_port: int) -> socket.socket:
    family = family_of(destination.address)
    kind = socket.SOCK_STREAM if destination.transport is Transport.TCP else socket.SOCK_DGRAM
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    try:
        keep_icmp_errors(sock, family)
        request_receive_times(sock)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_UNICAST_HOPS, ttl)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        if destination.transport is Transport.TCP:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if source_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", source_port))
    except OSError:
        sock.close()
        raise
    return sock


async def _reply(
    sock: socket.socket, destination: Destination, ttl: int, within: float, begun: _Begun
) -> HopReply:
    writing = destination.transport is Transport.TCP
    try:
        async with asyncio.timeout(within):
            await _ready(sock, writing=writing)
    except TimeoutError:
        return HopReply(ttl, ReplyKind.SILENT)
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if icmp := read_icmp_error(sock):
        return _of_icmp(sock, ttl, icmp, begun)
    if number:
        return _failed(sock, destination, ttl, number, begun)
    if not writing:
        _, extra, _, _ = sock.recvmsg(_RESPONSE_LIMIT, RECEIVE_TIME_SPACE)
        rtt = begun.until(receive_time(extra))
        return HopReply(ttl, ReplyKind.REACHED, destination.address, rtt)
    again, rtt = _retransmission(sock, begun.until(None))
    return HopReply(ttl, ReplyKind.REACHED, destination.address, rtt, retransmitted=again)


def _retransmission(sock: socket.socket, waited: float) -> tuple[bool, float]:
    """Return whether the reply answers a retransmitted SYN, and the round-trip time in seconds by
    the kernel, else ``waited``.

    With TCP timestamps (RFC 7323) the kernel knows which SYN was answered. Without them, a reply
    after a retransmission is taken for an answer to it.
    """
    facts = tcp_facts(sock)
    if facts is None:
        return False, waited
    if not facts.rtt:
        return facts.retransmits > 0, waited
    return facts.retransmits > 0 and waited - facts.rtt > INITIAL_RTO / 2, facts.rtt


async def _ready(sock: socket.socket, *, writing: bool) -> None:
    """Wait until the socket is connected, has data, or has an error."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    descriptor = sock.fileno()
    add = loop.add_writer if writing else loop.add_reader
    remove = loop.remove_writer if writing else loop.remove_reader
    add(descriptor, _wake, ready)
    try:
        await ready
    finally:
        remove(descriptor)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _failed(
    sock: socket.socket, destination: Destination, ttl: int, number: int, begun: _Begun
) -> HopReply:
    """Return the reply for an errno. An ICMP error may be queued behind it; a RST carries the
    address of the destination, regardless of its sender."""
    if icmp := read_icmp_error(sock):
        return _of_icmp(sock, ttl, icmp, begun)
    if number == errno.ECONNREFUSED:
        again, rtt = _retransmission(sock, begun.until(None))
        return HopReply(ttl, ReplyKind.REFUSED, destination.address, rtt, retransmitted=again)
    return HopReply(ttl, ReplyKind.NOT_SENT, error=os.strerror(number))


def _of_icmp(sock: socket.socket, ttl: int, icmp: IcmpError, begun: _Begun) -> HopReply:
    message = (icmp.type, icmp.code)
    six = sock.family == socket.AF_INET6
    kind = ReplyKind.UNREACHABLE
    if message in (_EXPIRED_V6 if six else _EXPIRED_V4):
        kind = ReplyKind.TIME_EXCEEDED
    elif message in (_PROHIBITED_V6 if six else _PROHIBITED_V4):
        kind = ReplyKind.PROHIBITED
    elif message == ((1, 4) if six else (3, 3)):
        kind = ReplyKind.REFUSED
    elif message == ((2, 0) if six else (3, 4)):
        kind = ReplyKind.TOO_BIG
    mtu = icmp.info if kind is ReplyKind.TOO_BIG and icmp.info else None
    return HopReply(ttl, kind, icmp.sender, begun.until(icmp.at), mtu)
