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
from monitor.net.sockets.socket_address import local_address_of, socket_address
from monitor.net.sockets.tcp_info import tcp_facts
from monitor.net.sockets.time_slice import TimeSlice
from monitor.net.sockets.tls import tls_error
from monitor.net.sockets.tls_records import RecordReader

DATA_CHUNK = 4_096
"""Bytes that ``receive`` returns at most: 4 KiB. Bounds what a reader parses in one go."""

_CIPHERTEXT_CHUNK = 16_384
_READS_FREE = 512
_AVERAGE_READ = 128
_GATHERING = 0.01
"""Beyond 512 reads with fewer than 128 bytes on average, 10 ms pass before each read: bytes of a
peer that sends them one by one gather in the kernel, instead of waking this process for each."""

_HANDSHAKE_LIMIT = 262_144
"""Bytes of one handshake that are read: 256 KiB. OpenSSL itself refuses a certificate list of
more than 100 KiB."""

_FLIGHT_KEPT = 16_384
"""Bytes of the peer's handshake that are kept until it is finished: 16 KiB."""


class Stream(Protocol):
    """Bytes to and from a peer. Cancelling a call is safe; only closing is possible afterwards.

    ``time_slice`` is shared by all streams of one connection.
    """

    time_slice: TimeSlice

    async def send(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises:
            OSError: if the connection broke.
        """
        ...

    async def receive(self, limit: int = DATA_CHUNK) -> bytes:
        """Return received data, at most ``limit`` bytes; empty after the peer ended its side.

        Yields to the event loop every millisecond, however fast the peer sends.

        Raises:
            OSError: if the connection broke.
            ExchangeError: TLS_PROTOCOL, from a TLS stream.
        """
        ...

    async def flush(self) -> None:
        """Send data that was held back to leave together with the next data.

        Raises:
            OSError: if the connection broke.
        """
        ...


class TcpStream:
    """A TCP connection. ``sent`` and ``received`` count its payload bytes.

    The socket stays registered with the event loop between reads: taking it in and out for
    each one, as ``loop.sock_recv`` does, costs more than the reads themselves.
    """

    __slots__ = (
        "_family", "_loop", "_reads", "_sock", "_waiter", "_watched", "received", "sent",
        "time_slice",
    )  # fmt: skip

    def __init__(self, family: socket.AddressFamily, *, segment: int | None = None) -> None:
        """``segment``: the largest segment (bytes) to send and to announce to the peer
        (RFC 9293 section 3.7.1)."""
        self._loop = asyncio.get_running_loop()
        self._family = family
        self._sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if segment is not None:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        self._waiter: asyncio.Future[None] | None = None
        self._watched = False
        self.time_slice = TimeSlice(self._loop)
        self._reads = 0
        self.sent = 0
        self.received = 0

    async def connect(self, address: str, port: int) -> None:
        """Connect to an IP literal.

        Raises:
            OSError: the kernel's error for the peer's response or an ICMP error.
        """
        sock = self._sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_icmp_errors(sock, self._family)
        number = sock.connect_ex(socket_address(address, port))
        if number == errno.EINPROGRESS:
            await self._writable()
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise self._refusal(number)
        # From here on an ICMP error is only a hint, as for any other client.
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
        self.time_slice.renew()

    async def _readable(self) -> None:
        self._waiter = self._loop.create_future()
        if not self._watched:
            self._loop.add_reader(self._sock.fileno(), self._on_readable)
            self._watched = True
        try:
            await self._waiter
        finally:
            self._waiter = None
        self.time_slice.renew()

    def _on_readable(self) -> None:
        if self._waiter is None:
            self._unwatch()  # unread data must not keep the loop awake
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

    async def receive(self, limit: int = DATA_CHUNK) -> bytes:
        if self.time_slice.over:
            await self.time_slice.pause()
        if self._reads > _READS_FREE and self.received < self._reads * _AVERAGE_READ:
            await asyncio.sleep(_GATHERING)
        while True:
            try:
                data = self._sock.recv(limit)
            except BlockingIOError:
                await self._readable()
                continue
            self.received += len(data)
            self._reads += 1
            return data

    async def flush(self) -> None:
        """Do nothing: all data is sent at once."""

    @property
    def connected_to_itself(self) -> bool:
        """Whether both ends of the connection are this socket: TCP's simultaneous open
        (RFC 9293 section 3.5), which is possible where nothing listens."""
        try:
            return bool(self._sock.getsockname() == self._sock.getpeername())
        except OSError:
            return False

    @property
    def local_address(self) -> str:
        """The source address; "" before the connection starts."""
        return local_address_of(self._sock)

    def facts(self) -> TcpFacts | None:
        """Return the kernel's statistics of the connection so far."""
        return tcp_facts(self._sock)

    def close(self) -> None:
        """Close the socket immediately, without lingering."""
        self._unwatch()
        self._sock.close()


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class TlsStream:
    """TLS over another stream, including another TLS stream (an origin behind an HTTPS proxy).

    Received records are handed to OpenSSL a few at a time: OpenSSL processes every KeyUpdate
    and empty record that it holds within one call, so one full read would hold the event loop
    for tens of milliseconds.
    """

    __slots__ = (
        "_broken", "_carrier", "_flight", "_incoming", "_outgoing", "_records", "time_slice", "tls"
    )  # fmt: skip

    def __init__(self, carrier: Stream, context: ssl.SSLContext, name: str) -> None:
        """``name`` is sent as SNI, and the certificate must be valid for it."""
        self._carrier = carrier
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._records = RecordReader()
        self._broken: ssl.SSLError | None = None
        self._flight: bytearray | None = bytearray()
        self.time_slice = carrier.time_slice
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    @property
    def answered(self) -> bool:
        """Whether the peer sent anything in answer to the ClientHello."""
        return self._flight is None or bool(self._flight)

    async def handshake(self) -> None:
        """Complete the handshake. The client's Finished message is held back until the first
        data or ``flush``, which saves one packet.

        Raises:
            ExchangeError: TLS_VERIFY or TLS_PROTOCOL.
            EOFError: if the peer ended the connection instead of answering.
            OSError: if the connection broke.
        """
        while self._records.wire <= _HANDSHAKE_LIMIT:
            if await self._advance_handshake():
                self._records.start_of_data()
                self._flight = None
                return
            await self._feed()
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
            # The peer is owed the alert that gives the reason; the result is our own error.
            with contextlib.suppress(OSError):
                await self.flush()
            raise tls_error(error, bytes(self._flight or b"")) from None
        return True

    async def send(self, data: bytes) -> None:
        try:
            self.tls.write(data)
        except ssl.SSLError as error:
            raise tls_error(error) from None
        await self.flush()

    async def receive(self, limit: int = DATA_CHUNK) -> bytes:
        if self.time_slice.over:
            await self.time_slice.pause()
        while True:
            try:
                return self._read(limit)
            except ssl.SSLWantReadError:
                self._records.check_useless()
                await self.flush()
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise tls_error(error) from None

    def _read(self, limit: int) -> bytes:
        """Return data, of as many records as OpenSSL holds: a record may hold a single byte."""
        if self._broken is not None:
            raise self._broken
        data = self.tls.read(limit)
        while self._incoming.pending and len(data) < limit:
            try:
                more = self.tls.read(limit - len(data))
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self._broken = error  # OpenSSL reports it once; the data before it is good
                break
            if not more:  # close_notify; what follows it stays in the buffer
                break
            data += more
        self._records.delivered(len(data))
        return data

    async def flush(self) -> None:
        """Send what TLS has ready to be sent.

        Raises:
            OSError: if the connection broke.
        """
        if self._outgoing.pending:
            await self._carrier.send(self._outgoing.read())

    async def _feed(self) -> None:
        """Hand the next few records to OpenSSL, received before or now.

        Raises:
            ExchangeError: TLS_PROTOCOL, if the peer sends records without end.
            OSError: if the connection broke.
        """
        records = self._records
        if not records.pending:
            data = await self._carrier.receive(_CIPHERTEXT_CHUNK)
            if not data:
                self._incoming.write_eof()
                return
            if self._flight is not None:
                self._flight += data[: _FLIGHT_KEPT - len(self._flight)]
            records.put(data)
        elif self.time_slice.over:
            await self.time_slice.pause()
        self._incoming.write(records.take())
