"""The hop that resets a TLS connection on its ClientHello.

On an established connection the ClientHello is sent with a limited time to live. A RST that comes
back although the packet cannot reach the server was sent by a middlebox at that hop or before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
from enum import StrEnum

from monitor.model.path import ReplyKind, ResetHop
from monitor.net.path.hop import Destination, probe_hop
from monitor.net.sockets.icmp import keep_icmp_errors
from monitor.net.sockets.socket_address import family_of

_IPV6_UNICAST_HOPS = 16
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_WINDOW = 4


class _Outcome(StrEnum):
    RESET = "reset"
    ANSWERED = "answered"
    EXPIRED = "expired"  # ICMP time exceeded, or silence: the hello did not reach the server
    NOT_CONNECTED = "not_connected"


async def find_reset(
    address: str, port: int, name: str, *, max_hops: int = 30, within: float = 1.0
) -> ResetHop:
    """Send the ClientHello for ``name`` with increasing time to live until it is reset or answered.

    ``within`` is seconds per step. Raises nothing except cancellation.
    """
    hello = client_hello(name)
    for first in range(1, max_hops + 1, _WINDOW):
        window = range(first, min(first + _WINDOW, max_hops + 1))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_send_hello(address, port, hello, ttl, within)) for ttl in window
            ]
        for ttl, outcome in zip(window, (task.result() for task in tasks), strict=True):
            if outcome is _Outcome.RESET:
                return ResetHop(ttl, await _distance(address, port, max_hops, within))
            if outcome is _Outcome.ANSWERED:
                return ResetHop(None, ttl)
            if outcome is _Outcome.NOT_CONNECTED and ttl == first:
                return ResetHop(None, None)
    return ResetHop(None, None)


async def _distance(address: str, port: int, max_hops: int, within: float) -> int | None:
    """Return the smallest time to live with which the server accepts a connection."""
    destination = Destination(address, port)
    for first in range(1, max_hops + 1, _WINDOW):
        window = range(first, min(first + _WINDOW, max_hops + 1))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(probe_hop(destination, ttl, within)) for ttl in window]
        for ttl, task in zip(window, tasks, strict=True):
            if task.result().kind is ReplyKind.REACHED:
                return ttl
    return None


def client_hello(name: str) -> bytes:
    """Return the bytes of a ClientHello that names ``name`` (RFC 8446 section 4.1.2, RFC 6066)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


async def _send_hello(address: str, port: int, hello: bytes, ttl: int, within: float) -> _Outcome:
    loop = asyncio.get_running_loop()
    family = family_of(address)
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        try:
            async with asyncio.timeout(within):
                await loop.sock_connect(sock, (address, port))
        except (OSError, TimeoutError):
            return _Outcome.NOT_CONNECTED
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        keep_icmp_errors(sock, family)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_UNICAST_HOPS, ttl)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(within):
                await loop.sock_sendall(sock, hello)
                received = await loop.sock_recv(sock, 1)
        except TimeoutError:
            return _Outcome.EXPIRED
        except OSError as error:
            return _Outcome.RESET if error.errno in _RESETS else _Outcome.EXPIRED
        return _Outcome.ANSWERED if received else _Outcome.RESET


_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE})
