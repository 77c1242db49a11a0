"""One pulse: a cheap check of one way out. It never decides a state; a full probe does."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import Callable
from random import Random

from monitor.model.pulse import PulseKind, PulsePoint, PulseResult
from monitor.net.dns.client import matching
from monitor.net.dns.message import QType, encode_query
from monitor.net.nebula import INDEX_BITS, encode_test, recv_error_index
from monitor.net.sockets.socket_address import family_of
from monitor.net.sockets.tcp_info import tcp_facts
from monitor.net.sockets.udp import UdpSocket

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with a timeout of 0: closing sends RST, so no TIME_WAIT uses up source ports."""

_RESEND_AFTER = 0.4
"""Seconds after which a datagram without a reply is sent once more: one may be lost."""

_STRAY_LIMIT = 16
"""Datagrams that are not the expected reply; more end the pulse as failed."""

_STATUS_LIMIT = 256


async def pulse(point: PulsePoint, random: Random, within: float) -> PulseResult:
    """Check ``point`` within ``within`` seconds. Raises nothing except cancellation."""
    try:
        async with asyncio.timeout(within):
            match point.kind:
                case PulseKind.TCP:
                    return await _connect(point)
                case PulseKind.PROXY:
                    return await _connect(point, _connect_request(point.name))
                case PulseKind.NEBULA:
                    return await _ask_nebula(point, random)
                case PulseKind.DNS:
                    return await _ask_dns(point, random)
    except (OSError, TimeoutError):
        return PulseResult(ok=False)


async def _connect(point: PulsePoint, request: bytes = b"") -> PulseResult:
    """Connect, send ``request`` if there is one and wait for a 2xx status line, then reset.

    Raises:
        OSError: if the connection fails.
    """
    loop = asyncio.get_running_loop()
    kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    with socket.socket(family_of(point.address), kind) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        number = sock.connect_ex((point.address, point.port))
        if number not in {0, errno.EINPROGRESS}:
            return PulseResult(ok=False)
        await _writable(sock, loop)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return PulseResult(ok=False)
        facts = tcp_facts(sock)
        rtt, retransmits = (facts.rtt, facts.retransmits) if facts else (None, 0)
        ok = True
        if request:
            await loop.sock_sendall(sock, request)
            status = (await loop.sock_recv(sock, _STATUS_LIMIT)).split(b" ", 2)
            ok = len(status) > 1 and status[1].startswith(b"2")
        return PulseResult(ok, rtt, retransmits)


async def _writable(sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    ready: asyncio.Future[None] = loop.create_future()
    descriptor = sock.fileno()
    loop.add_writer(descriptor, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_writer(descriptor)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _connect_request(name: str) -> bytes:
    """Return a CONNECT (RFC 9110 section 9.3.6) without credentials: 407 is a reply, too."""
    return f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode("ascii", "replace")


async def _ask_nebula(point: PulsePoint, random: Random) -> PulseResult:
    indexes = [random.getrandbits(INDEX_BITS) for _ in range(2)]
    packets = [encode_test(index) for index in indexes]
    return await _ask(point, packets, lambda data: recv_error_index(data) in indexes)


async def _ask_dns(point: PulsePoint, random: Random) -> PulseResult:
    number = random.getrandbits(16)
    query = encode_query(number, point.name, QType.A)

    def is_reply(data: bytes) -> bool:
        return matching(data, number, point.name, QType.A) is not None

    return await _ask(point, [query, query], is_reply)


async def _ask(
    point: PulsePoint, packets: list[bytes], is_reply: Callable[[bytes], bool]
) -> PulseResult:
    """Send the first packet, the second one if no reply comes soon, and wait for a reply.

    Raises:
        OSError: if the socket fails, or an ICMP error arrives.
    """
    sock = UdpSocket(point.address, point.port)
    try:
        begun = time.time()
        sock.send(packets[0])
        resends = 0
        for _ in range(_STRAY_LIMIT):
            try:
                async with asyncio.timeout(None if resends else _RESEND_AFTER):
                    data, arrived = await sock.receive()
            except TimeoutError:
                resends += 1
                sock.send(packets[1])
                continue
            if is_reply(data):
                return PulseResult(True, None if resends else max(0.0, arrived - begun), resends)
        return PulseResult(ok=False)
    finally:
        sock.close()
