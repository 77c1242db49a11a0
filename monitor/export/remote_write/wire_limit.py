"""A limit for the bytes that a receiver may send, below TLS and HTTP.

TLS records without data (KeyUpdate, tickets, padding) and interim responses never reach the reader
of a response, but cost time, and memory for the replies to them. Counting what the socket receives
bounds all of them.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer
    from aiohappyeyeballs import AddrInfoType

LIMIT = 262_144
"""Bytes that may be received for one request: 256 KiB, TLS handshake included."""


AT_ONCE = 16_384
"""Bytes that are processed before the event loop runs other work: 600 KeyUpdate records, 6 ms."""


class WireLimit:
    """Counts received bytes over all connections; ``reset`` is called before each request."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._received = 0

    def reset(self) -> None:
        """Start counting for another request."""
        self._received = 0

    def count(self, received: int) -> None:
        """Count received bytes.

        Raises:
            ConnectionAbortedError: if they exceed the limit; the connection is closed then.
        """
        self._received += received
        if self._received > self._limit:
            raise ConnectionAbortedError(None, f"it sent more than {self._limit} bytes")

    def make_socket(self, info: AddrInfoType) -> socket.socket:
        """Return a socket that counts; for aiohttp's ``socket_factory``."""
        family, kind, protocol, _, _ = info
        return _CountingSocket(self, family, kind, protocol)


class _CountingSocket(socket.socket):
    def __init__(self, limit: WireLimit, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._limit = limit

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(min(size, AT_ONCE), flags)
        self._limit.count(len(data))
        return data

    def recv_into(self, buffer: Buffer, size: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer)
        received = super().recv_into(view, min(size or len(view), AT_ONCE), flags)
        self._limit.count(received)
        return received
