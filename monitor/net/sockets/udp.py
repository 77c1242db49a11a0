"""Connected UDP socket with kernel receive timestamps (SO_TIMESTAMPNS)."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time

from monitor.net.errors import IcmpOSError
from monitor.net.sockets.icmp import keep_icmp_errors, read_icmp_error
from monitor.net.sockets.receive_time import receive_time, request_receive_times
from monitor.net.sockets.socket_address import (
    family_of,
    local_address_of,
    require_source,
    socket_address,
)
from monitor.net.sockets.time_slice import TimeSlice

_DATAGRAM_LIMIT = 2048
LARGEST_DATAGRAM = 65_535
"""Size of the largest datagram in bytes: 65,535."""

_buffer = memoryview(bytearray(LARGEST_DATAGRAM))  # shared: it is filled and copied at once


class UdpSocket:
    """Datagrams to and from one peer; the kernel drops those from any other sender."""

    __slots__ = ("_loop", "_sock", "_space", "_time_slice", "received", "sent")

    def __init__(self, address: str, port: int, limit: int = _DATAGRAM_LIMIT) -> None:
        """Connect to an IP literal, which sends nothing. Datagrams are cut at ``limit`` bytes.

        Raises:
            OSError: if there is no route, or no socket is available.
        """
        self._loop = asyncio.get_running_loop()
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        family = family_of(address)
        self._sock = socket.socket(family, kind)
        self._space = _buffer[:limit]
        self._time_slice = TimeSlice(self._loop)
        self.sent = self.received = 0
        try:
            keep_icmp_errors(self._sock, family)
            request_receive_times(self._sock)
            self._sock.connect(socket_address(address, port))
        except OSError as error:
            self._sock.close()
            if error.errno == errno.EADDRNOTAVAIL:
                require_source(address)
            raise

    def send(self, data: bytes) -> float:
        """Send a datagram; returns the time immediately before sending (Unix seconds).

        Raises:
            OSError: a local error, or an ICMP error that came for an earlier datagram.
        """
        now = time.clock_gettime(time.CLOCK_REALTIME)
        try:
            self.sent += self._sock.send(data)
        except OSError as error:
            raise self._with_icmp_cause(error) from None
        return now

    async def receive(self) -> tuple[bytes, float]:
        """Wait for a datagram; returns it with the time it reached the kernel (Unix seconds),
        which excludes delays of the event loop. Yields every millisecond under a flood.

        Raises:
            OSError: the meaning of an ICMP error (see ``IcmpOSError``).
        """
        if self._time_slice.over:
            await self._time_slice.pause()
        while True:
            try:
                length, extra, _, _ = self._sock.recvmsg_into([self._space], 128)
            except BlockingIOError:
                await self._readable()
                continue
            except OSError as error:
                raise self._with_icmp_cause(error) from None
            self.received += length
            return bytes(self._space[:length]), _arrival(extra)

    async def _readable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        descriptor = self._sock.fileno()
        self._loop.add_reader(descriptor, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(descriptor)
        self._time_slice.renew()

    def _with_icmp_cause(self, error: OSError) -> OSError:
        icmp = read_icmp_error(self._sock)
        if icmp is None:
            return error
        return IcmpOSError(icmp.errno, os.strerror(icmp.errno), (icmp.type, icmp.code), icmp.sender)

    @property
    def local_address(self) -> str:
        """The source address."""
        return local_address_of(self._sock)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _arrival(extra: list[tuple[int, int, bytes]]) -> float:
    arrival = receive_time(extra)
    return time.clock_gettime(time.CLOCK_REALTIME) if arrival is None else arrival
