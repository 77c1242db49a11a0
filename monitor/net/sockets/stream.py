"""Byte streams on plain non-blocking sockets: TCP, and TLS over any other stream."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from typing import Protocol

from monitor.model.probe_result import FailureKind, TcpFacts
from monitor.net.errors import ExchangeError, IcmpOSError
from monitor.net.sockets.icmp import keep_icmp_errors, read_icmp_error
from monitor.net.sockets.tcp_info import tcp_facts
from monitor.net.sockets.tls import tls_error

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

    async def flush(self) -> None:
        """Send what was held back to go with the next data.

        Raises:
            OSError: if the connection broke.
        """
        ...


def family_of(address: str) -> socket.AddressFamily:
    """Return the socket family of an IP literal."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class TcpStream:
    """A TCP connection. ``sent`` and ``received`` count its payload bytes.

    The socket stays registered with the event loop between reads: taking it in and out for
    each one, as ``loop.sock_recv`` does, costs more than the reads themselves.
    """

    __slots__ = ("_family", "_loop", "_sock", "_waiter", "_watched", "received", "sent")

    def __init__(self, family: socket.AddressFamily, *, segment: int | None = None) -> None:
        """``segment``: the largest segment (bytes) to send and to tell the peer to send
        (RFC 9293 section 3.7.1)."""
        self._loop = asyncio.get_running_loop()
        self._family = family
        self._sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if segment is not None:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        self._waiter: asyncio.Future[None] | None = None
        self._watched = False
        self.sent = 0
        self.received = 0

    async def connect(self, address: str, port: int) -> None:
        """Connect to an IP literal.

        Raises:
            OSError: what the kernel made of the peer's answer or of an ICMP error.
        """
        sock = self._sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_icmp_errors(sock, self._family)
        number = sock.connect_ex((address, port))
        if number == errno.EINPROGRESS:
            await self._writable()
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise self._refusal(number)
        # From here on an ICMP error is a hint, as for any other client, and ends nothing.
        keep_icmp_errors(sock, self._family, on=False)

    def _refusal(self, number: int) -> OSError:
        icmp = read_icmp_error(self._sock)
        if icmp is None:
            return OSError(number, os.strerror(number))
        return IcmpOSError(number, os.strerror(number), (icmp.type, icmp.code), icmp.sender)

    async def _writable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        descriptor = self._sock.fileno()
        self._loop.add_writer(descriptor, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_writer(descriptor)

    async def _readable(self) -> None:
        self._waiter = self._loop.create_future()
        if not self._watched:
            self._loop.add_reader(self._sock.fileno(), self._on_readable)
            self._watched = True
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _on_readable(self) -> None:
        if self._waiter is None:
            self._unwatch()  # what nobody waits for must not keep the loop awake
        else:
            _wake(self._waiter)

    def _unwatch(self) -> None:
        if self._watched:
            self._loop.remove_reader(self._sock.fileno())
            self._watched = False

    async def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                count = self._sock.send(view)
            except BlockingIOError:
                await self._writable()
                continue
            self.sent += count
            view = view[count:]

    async def receive(self) -> bytes:
        while True:
            try:
                data = self._sock.recv(_CHUNK)
            except BlockingIOError:
                await self._readable()
                continue
            self.received += len(data)
            return data

    async def flush(self) -> None:
        """Nothing is held back."""

    def facts(self) -> TcpFacts | None:
        """Return the kernel's figures of the connection so far."""
        return tcp_facts(self._sock)

    def close(self) -> None:
        """Close the socket, at once and without lingering."""
        self._unwatch()
        self._sock.close()


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


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
        """Shake hands. Our last message (Finished) waits for the first data to go with it,
        or for ``flush``: one packet less.

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
            await self.flush()
            return False
        except ssl.SSLError as error:
            # The alert that says why is owed to the peer; what matters is our error.
            with contextlib.suppress(OSError):
                await self.flush()
            raise tls_error(error) from None
        return True

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self.flush()

    async def receive(self) -> bytes:
        while True:
            try:
                return self.tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self.flush()
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise tls_error(error) from None

    async def flush(self) -> None:
        """Send what TLS has ready to be sent.

        Raises:
            OSError: if the connection broke.
        """
        if self._outgoing.pending:
            await self._carrier.send(self._outgoing.read())

    async def _feed(self) -> int:
        data = await self._carrier.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return len(data)
