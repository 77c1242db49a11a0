"""Byte streams on plain non-blocking sockets: TCP, and TLS over any other stream."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Protocol

from monitor.model import FailureKind, TcpFacts
from monitor.net.errors import ExchangeError, IcmpOSError
from monitor.net.icmp import keep_icmp_errors, read_icmp_error
from monitor.net.tcp_info import tcp_facts
from monitor.net.tls import tls_error

_CHUNK = 16_384
_HANDSHAKE_LIMIT = 262_144


class Stream(Protocol):
    """Bytes to and from a peer. Cancelling a call is safe; only closing is left then."""

    async def send(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises:
            OSError: if the connection broke.
        """
        ...

    async def receive(self) -> bytes:
        """Return what came, at most 16 KiB; empty when the peer has ended its side.

        Raises:
            OSError: if the connection broke.
            ExchangeError: TLS_PROTOCOL, from a TLS stream.
        """
        ...


def family_of(address: str) -> socket.AddressFamily:
    """Return the socket family of an IP literal."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class TcpStream:
    """A TCP connection. ``sent`` and ``received`` count its payload bytes."""

    __slots__ = ("_loop", "_sock", "received", "sent")

    def __init__(self, family: socket.AddressFamily) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.sent = 0
        self.received = 0

    async def connect(self, address: str, port: int) -> None:
        """Connect to an IP literal.

        Raises:
            OSError: what the kernel made of the peer's answer or of an ICMP error.
        """
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_icmp_errors(self._sock)
        try:
            await self._loop.sock_connect(self._sock, (address, port))
        except OSError as error:
            icmp = read_icmp_error(self._sock)
            if icmp is None:
                raise
            raise IcmpOSError(
                icmp.errno, error.strerror or "", (icmp.type, icmp.code), icmp.sender
            ) from None
        # From here on an ICMP error is a hint, as for any other client, and ends nothing.
        keep_icmp_errors(self._sock, on=False)

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)
        self.sent += len(data)

    async def receive(self) -> bytes:
        data = await self._loop.sock_recv(self._sock, _CHUNK)
        self.received += len(data)
        return data

    def facts(self) -> TcpFacts | None:
        """Return the kernel's figures of the connection so far."""
        return tcp_facts(self._sock)

    def close(self) -> None:
        """Close the socket, at once and without lingering."""
        self._sock.close()


class TlsStream:
    """TLS over another stream; over a TLS stream too (an origin behind an HTTPS proxy)."""

    __slots__ = ("_carrier", "_incoming", "_outgoing", "tls")

    def __init__(self, carrier: Stream, context: ssl.SSLContext, name: str) -> None:
        """``name`` goes into SNI, and the certificate has to be for it."""
        self._carrier = carrier
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    async def handshake(self) -> None:
        """Shake hands.

        Raises:
            ExchangeError: TLS_VERIFY or TLS_PROTOCOL.
            EOFError: if the peer ended the connection instead of answering.
            OSError: if the connection broke.
        """
        received = 0
        while received <= _HANDSHAKE_LIMIT:
            if await self._advance_handshake():
                return
            received += await self._feed()
        raise ExchangeError(
            FailureKind.TLS_PROTOCOL, "the handshake never ends", "HANDSHAKE_TOO_LONG"
        )

    async def _advance_handshake(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            await self._flush()
            return False
        except ssl.SSLError as error:
            # The alert that says why is owed to the peer; what matters is our error.
            with contextlib.suppress(OSError):
                await self._flush()
            raise tls_error(error) from None
        await self._flush()
        return True

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        while True:
            try:
                return self.tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise tls_error(error) from None

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._carrier.send(self._outgoing.read())

    async def _feed(self) -> int:
        data = await self._carrier.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return len(data)
