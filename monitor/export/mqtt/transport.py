"""Byte streams to an MQTT broker for paho: TCP, TLS, and the WebSocket above either.

paho wants an object like a non-blocking socket. These bound what a broker can cost: every
handshake has a deadline, each call reads a few KiB at most, and records or frames that carry
no data end the connection after a while.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

CONNECT_TIMEOUT = 3.0
"""Limit of the TCP connection: 3 s."""

HANDSHAKE_TIMEOUT = 5.0
"""Limit of the TLS handshake and, again, of the WebSocket handshake: 5 s each, however slowly the
peer sends."""

READ_SIZE = 16_384
"""Bytes that one call takes from the kernel at most, so that a flood can't hold the event loop."""

TLS_OVERHEAD_LIMIT = 65_536
"""Bytes of TLS records without application data after which the connection ends."""

TLS_HANDSHAKE_LIMIT = 262_144
"""Bytes of a TLS handshake after which it is given up: 256 KiB, as for probes."""


class Transport(Protocol):
    """The part of a non-blocking socket that paho uses. ``activity`` grows whenever bytes were
    taken from the layer below: a caller has read everything once it no longer does."""

    @property
    def activity(self) -> int: ...

    def recv(self, limit: int, /) -> bytes:
        """Return at most ``limit`` bytes; empty after the peer's end.

        Raises:
            BlockingIOError: if none have come.
            OSError: if the connection broke.
        """
        ...

    def send(self, data: bytes | bytearray, /) -> int:
        """Send all of ``data`` and return its length.

        Raises:
            BlockingIOError: if the peer takes no more now; call again with the same data.
            OSError: if the connection broke.
        """
        ...

    def fileno(self) -> int: ...
    def setblocking(self, flag: bool, /) -> None: ...
    def close(self) -> None: ...


class TcpTransport:
    """A connected, non-blocking TCP socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._broken: ConnectionError | None = None
        self.activity = 0

    def recv(self, limit: int, /) -> bytes:
        data = self._sock.recv(min(limit, READ_SIZE))
        self.activity += 1
        if not data and self._broken is not None:
            raise self._broken
        return data

    def send(self, data: bytes | bytearray, /) -> int:
        try:
            return self._sock.send(data)  # paho sends the rest of what was sent in part
        except ConnectionError as error:
            # The broker may have sent a reason before it closed the connection: it is read first.
            self._broken = error
            return len(data)

    def fileno(self) -> int:
        return self._sock.fileno()

    def setblocking(self, flag: bool, /) -> None:
        self._sock.setblocking(flag)

    def close(self) -> None:
        self._sock.close()


class Outbox:
    """Bytes on their way through a layer that encodes what it sends."""

    def __init__(self, below: Transport) -> None:
        self._below = below
        self._bytes = bytearray()
        self._accepted = 0

    def __len__(self) -> int:
        return len(self._bytes)

    def add(self, encoded: bytes) -> None:
        self._bytes += encoded

    def flush(self) -> None:
        """Send what there is.

        Raises:
            BlockingIOError: if some of it is left.
        """
        while self._bytes:
            del self._bytes[: self._below.send(self._bytes)]

    def send(self, data: bytes | bytearray, encode: Callable[[bytes | bytearray], bytes]) -> int:
        """Send ``data`` encoded, once, however often this is called until it returns.

        Raises:
            BlockingIOError: if some of it is left.
        """
        if not self._accepted:
            self.flush()
            self._accepted = len(data)
            self.add(encode(data))
        self.flush()
        accepted, self._accepted = self._accepted, 0
        return accepted


class Layer:
    """A transport above another one, which has the socket."""

    def __init__(self, below: Transport) -> None:
        self._below = below

    def fileno(self) -> int:
        return self._below.fileno()

    def setblocking(self, flag: bool, /) -> None:
        self._below.setblocking(flag)

    def close(self) -> None:
        self._below.close()


class TlsTransport(Layer):
    """TLS above a TCP transport, through memory: the size of each read is ours, not OpenSSL's."""

    def __init__(self, below: Transport, context: ssl.SSLContext, server_name: str) -> None:
        super().__init__(below)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._outbox = Outbox(below)
        self._overhead = 0
        self._ended = False
        self.activity = 0

    async def handshake(self) -> None:
        """Shake hands.

        Raises:
            OSError: if that failed; ``ssl.SSLError`` is one.
        """
        received = 0
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush_all()
                received += len(chunk := await receive(self._below, READ_SIZE))
                if not chunk:
                    raise ConnectionResetError(
                        errno.ECONNRESET, "the broker closed the connection in the TLS handshake"
                    ) from None
                if received > TLS_HANDSHAKE_LIMIT:
                    raise ConnectionAbortedError("the TLS handshake is too long") from None
                self._incoming.write(chunk)
            except ssl.SSLError:
                await self._flush_all()  # the alert with the reason for the broker
                raise
            else:
                await self._flush_all()
                return

    async def _flush_all(self) -> None:
        while True:
            try:
                self._flush()
            except BlockingIOError:
                await writable(self)
            else:
                return

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._outbox.add(self._outgoing.read())
        self._outbox.flush()

    def recv(self, limit: int, /) -> bytes:
        data = self._decrypted(limit)
        if data is None and not self._ended:
            chunk = self._below.recv(READ_SIZE)
            self.activity += 1
            self._ended = not chunk
            self._incoming.write(chunk)
            self._overhead += len(chunk)
            data = self._decrypted(limit)
        if data is None and self._ended:
            return b""
        if data is None:
            if self._overhead > TLS_OVERHEAD_LIMIT:
                raise ConnectionAbortedError("the broker sends TLS records without data")
            raise BlockingIOError
        self.activity += 1
        self._overhead = 0
        return data

    def _decrypted(self, limit: int) -> bytes | None:
        """Return what is decrypted; None if nothing is, empty after the peer's end."""
        try:
            return self._tls.read(limit)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""
        finally:
            if self._outgoing.pending:  # answers of TLS itself
                self._flush_if_possible()

    def _flush_if_possible(self) -> None:
        if len(self._outbox) > TLS_OVERHEAD_LIMIT:
            raise ConnectionAbortedError("the broker reads no answers to its TLS messages")
        try:
            self._flush()
        except BlockingIOError:
            return

    def send(self, data: bytes | bytearray, /) -> int:
        return self._outbox.send(data, self._encrypted)

    def _encrypted(self, data: bytes | bytearray) -> bytes:
        try:
            self._tls.write(data)
        except ssl.SSLWantReadError as error:  # a renegotiation of TLS 1.2
            raise ConnectionAbortedError("the broker renegotiates TLS") from error
        return self._outgoing.read()


class BoundedTransport(Layer):
    """A transport that ends when paho asks for more than a packet may have: it asks for all that
    a packet's head announces, and would keep it."""

    def __init__(self, below: Transport, packet_limit: int) -> None:
        super().__init__(below)
        self._packet_limit = packet_limit

    @property
    def activity(self) -> int:
        return self._below.activity

    def recv(self, limit: int, /) -> bytes:
        if limit > self._packet_limit:
            raise ConnectionAbortedError(
                f"the broker sends a packet of {limit} bytes; the limit is {self._packet_limit}"
            )
        return self._below.recv(limit)

    def send(self, data: bytes | bytearray, /) -> int:
        return self._below.send(data)


async def receive(transport: Transport, limit: int) -> bytes:
    """Return at most ``limit`` bytes, as soon as there are some; empty after the peer's end.

    Raises:
        OSError: if the connection broke.
    """
    while True:
        before = transport.activity
        try:
            return transport.recv(limit)
        except BlockingIOError:
            if transport.activity == before:
                await readable(transport)
            else:
                await asyncio.sleep(0)


async def send_all(transport: Transport, data: bytes) -> None:
    """Send all of ``data``.

    Raises:
        OSError: if the connection broke.
    """
    while data:
        try:
            data = data[transport.send(data) :]
        except BlockingIOError:
            await writable(transport)


async def readable(transport: Transport) -> None:
    """Wait until the socket below has something to read."""
    loop = asyncio.get_running_loop()
    await _ready(transport.fileno(), loop.add_reader, loop.remove_reader)


async def writable(transport: Transport) -> None:
    """Wait until the socket below takes something."""
    loop = asyncio.get_running_loop()
    await _ready(transport.fileno(), loop.add_writer, loop.remove_writer)


async def _ready(
    descriptor: int, watch: Callable[..., None], unwatch: Callable[[int], bool]
) -> None:
    ready = asyncio.get_running_loop().create_future()
    watch(descriptor, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        unwatch(descriptor)


async def connect_tcp(address: str, port: int) -> TcpTransport:
    """Connect to an IP literal.

    Raises:
        OSError: if that failed; ``TimeoutError`` is one.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # A batch of small messages must not wait for acknowledgments of TCP (Nagle).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with deadline(CONNECT_TIMEOUT, "no TCP connection"):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except OSError as error:
        sock.close()
        if error.errno is None or isinstance(error, TimeoutError):
            raise
        raise OSError(error.errno, os.strerror(error.errno)) from None  # without the address
    except BaseException:
        sock.close()
        raise
    return TcpTransport(sock)


@asynccontextmanager
async def deadline(seconds: float, missing: str) -> AsyncIterator[None]:
    """Limit a block to ``seconds``; the error names what is ``missing`` then.

    Raises:
        TimeoutError: if the limit has passed.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TimeoutError(errno.ETIMEDOUT, f"{missing} within {seconds:g} s") from None
