"""Accept loop of the page: bounded in open sockets, deadlines, and work per event-loop turn.

asyncio's own server accepts as many connections per turn as its backlog holds, and creates
protocol objects (with TLS: 256 KiB of buffers) before a client has sent a byte. Here a silent
client costs a socket and nothing else.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import sslproto
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from monitor.state.self_metrics import AbortReason, WebMetrics
from monitor.web.admission import (
    DEADLINES,
    ConnectionPhase,
    Occupancy,
    eviction_candidate,
    exceeded,
    peer_group,
)
from monitor.web.certificate import ListenerCertificate
from monitor.web.log_limit import LogLimit

BACKLOG = 128
"""Connections that the kernel queues before they are accepted."""

ACCEPTS_PER_TURN = 8
"""Maximum number of connections accepted in one turn of the event loop."""

HANDSHAKE_INTERVAL = 0.005
"""Minimum time between the starts of two TLS handshakes, in seconds: a handshake takes 1 to 2 ms
of the event loop, so a flood of them takes at most a third of it."""

ACCEPT_PAUSE = 1.0
"""Time without accepting after the process ran out of file descriptors, in seconds."""

SWEEP_INTERVAL = 1.0
"""Time between two checks of the deadlines, in seconds."""

CLOSING_LIMIT = 16
"""Sockets that may be in the process of closing, in addition to the connection limit."""

SEND_BUFFER = 128 * 1024
"""Kernel send buffer of a connection, in bytes. Kernel memory counts towards a container's
memory limit, and a client that does not read fills the buffer."""

RECEIVE_BUFFER = 16 * 1024
"""Kernel receive buffer of a connection, in bytes: the longest request fits."""

TLS_READ_BUFFER = 16 * 1024
"""Read buffer of a TLS connection, in bytes: one TLS record (RFC 8446, section 5.1)."""

_TLS_HANDSHAKE = b"\x16"
"""First byte of a TLS connection: content type handshake (RFC 8446, section 5.1)."""

_NOT_TLS_TEXT = b"this port expects TLS: use https://\n"
_NOT_TLS = (
    b"HTTP/1.0 400 Bad Request\r\nServer: egress-monitor\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_NOT_TLS_TEXT), _NOT_TLS_TEXT)
)
_TLS_SHUTDOWN_SECONDS = 1.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Client(Occupancy):
    """One client of the page. ``socket`` is present until a transport owns it."""

    socket: socket.socket | None = None
    transport: asyncio.Transport | None = None
    opening: asyncio.Task[None] | None = None

    @property
    def unsent(self) -> int:
        """Number of bytes that wait for the client to read."""
        return self.transport.get_write_buffer_size() if self.transport else 0


class Listener:
    """Listening sockets and the clients that they accepted."""

    def __init__(
        self,
        protocol: Callable[[Client, Callable[[], None]], asyncio.Protocol],
        *,
        limit: int,
        metrics: WebMetrics,
        certificate: ListenerCertificate | None = None,
    ) -> None:
        """Create a listener. ``protocol`` makes the protocol of a client; the function passed to
        it is to be called when the connection is lost. ``limit`` is the maximum number of
        connections."""
        self._protocol = protocol
        self._limit = limit
        self._metrics = metrics
        self._certificate = certificate
        if certificate is not None:
            # asyncio allocates a read buffer of 256 KiB per TLS connection, in a reference cycle
            # that outlives the connection until the next garbage collection. Requests are short.
            sslproto.SSLProtocol.max_size = TLS_READ_BUFFER
        self._loop = asyncio.get_running_loop()
        self._listening: list[socket.socket] = []
        self._clients: set[Client] = set()
        self._handshakes: list[Client] = []
        self._handshake_timer: asyncio.TimerHandle | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._accept_errors = LogLimit()
        self._empty = asyncio.Event()
        self._empty.set()

    async def listen(self, host: str, port: int) -> None:
        """Bind and accept.

        Raises:
            OSError: if an address of ``host`` is not available.
        """
        try:
            async for bound in _bound_sockets(host, port):
                self._listening.append(bound)
                self._loop.add_reader(bound, self._accept, bound)
        except OSError:
            self.stop_accepting()
            raise
        self._schedule_sweep()

    def stop_accepting(self) -> None:
        """Close the listening sockets; connections stay."""
        for listening in self._listening:
            self._loop.remove_reader(listening)
            listening.close()
        self._listening.clear()

    async def close(self) -> None:
        """Close everything at once."""
        self.stop_accepting()
        for timer in (*self._timers, self._handshake_timer):
            if timer is not None:
                timer.cancel()
        for client in list(self._clients):
            self._abort(client)
        await self._empty.wait()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            if len(self._clients) >= self._limit + CLOSING_LIMIT:
                return  # Sockets close in the next turn; the kernel's queue keeps the clients.
            try:
                accepted, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._accept_failed(listening, error)
                return
            self._admit(accepted, peer)

    def _admit(self, accepted: socket.socket, peer: object) -> None:
        present = [client for client in self._clients if not client.aborted]
        if len(present) >= self._limit:
            self._evict()
        accepted.setblocking(False)
        address = peer[0] if isinstance(peer, tuple) else ""
        client = Client(peer_group(address), self._loop.time(), socket=accepted)
        self._clients.add(client)
        self._empty.clear()
        self._metrics.connections = len(self._clients)
        self._loop.add_reader(accepted, self._first_byte, client)

    def _evict(self) -> None:
        candidate = eviction_candidate(self._clients)
        if isinstance(candidate, Client):
            self._metrics.aborted[AbortReason.EVICTED] += 1
            self._abort(candidate)

    def _accept_failed(self, listening: socket.socket, error: OSError) -> None:
        """Give descriptors back (EMFILE, ENFILE, ENOBUFS, ENOMEM) and pause accepting."""
        self._metrics.accept_errors += 1
        if count := self._accept_errors.count(self._loop.time()):
            log.warning(
                "accepting connections failed", reason=error.strerror, count=count,
                remediation="raise the limit of open files (ulimit -n, LimitNOFILE)",
            )  # fmt: skip
        self._evict()
        self._loop.remove_reader(listening)
        self._later(ACCEPT_PAUSE, lambda: self._resume(listening))

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._listening:
            self._loop.add_reader(listening, self._accept, listening)

    def _first_byte(self, client: Client) -> None:
        """Open the connection once its client has sent something."""
        assert client.socket is not None
        try:
            first = client.socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        self._loop.remove_reader(client.socket)
        now = self._loop.time()
        if not first:
            self._abort(client)
        elif self._certificate is None:
            client.enter(ConnectionPhase.REQUEST, now)
            self._open(client)
        elif first == _TLS_HANDSHAKE:
            client.enter(ConnectionPhase.HANDSHAKE, now)
            self._handshakes.append(client)
            if self._handshake_timer is None:
                self._start_handshake()
        else:
            with suppress(OSError):
                client.socket.recv(RECEIVE_BUFFER)  # Unread data would turn the close into a reset.
                client.socket.send(_NOT_TLS)
            self._remove(client)
            client.socket.close()

    def _start_handshake(self) -> None:
        """Start the newest handshake that waits; its client is the most likely to be there."""
        self._handshake_timer = None
        while self._handshakes:
            client = self._handshakes.pop()
            if not client.aborted:
                self._open(client)
                self._handshake_timer = self._loop.call_later(
                    HANDSHAKE_INTERVAL, self._start_handshake
                )
                return

    def _open(self, client: Client) -> None:
        client.opening = self._loop.create_task(self._connect(client))

    async def _connect(self, client: Client) -> None:
        accepted, client.socket = client.socket, None
        if accepted is None:
            return  # It was aborted before this task ran.
        context = self._certificate.context if self._certificate else None
        handshake = DEADLINES[ConnectionPhase.HANDSHAKE] if context else None
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: self._protocol(client, lambda: self._remove(client)),
                accepted,
                ssl=context,
                ssl_handshake_timeout=handshake,
                ssl_shutdown_timeout=_TLS_SHUTDOWN_SECONDS if context else None,
            )
        except (OSError, asyncio.CancelledError) as error:
            log.debug("connection not opened", error=type(error).__name__)
            # The transport owns the socket and closes it in the next turn of the event loop.
            self._loop.call_soon(self._remove, client)
            return
        client.opening, client.transport = None, transport
        if client.aborted:
            transport.abort()
        elif client.phase is ConnectionPhase.HANDSHAKE:
            client.enter(ConnectionPhase.REQUEST, self._loop.time())

    def _abort(self, client: Client) -> None:
        """Close a connection without waiting for its client."""
        if client.aborted:
            return
        client.aborted = True
        if client.socket is not None:
            self._loop.remove_reader(client.socket)
            with suppress(OSError):
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            client.socket.close()
            self._remove(client)
        elif client.transport is not None:
            client.transport.abort()
        elif client.opening is not None:
            client.opening.cancel()

    def _remove(self, client: Client) -> None:
        self._clients.discard(client)
        self._metrics.connections = len(self._clients)
        if not self._clients:
            self._empty.set()

    def _sweep(self) -> None:
        now = self._loop.time()
        for client in list(self._clients):
            if not client.aborted and exceeded(client, now, client.unsent):
                self._metrics.aborted[AbortReason(client.phase.value)] += 1
                self._abort(client)
        self._schedule_sweep()

    def _schedule_sweep(self) -> None:
        self._later(SWEEP_INTERVAL, self._sweep)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            action()

        timer = self._loop.call_later(seconds, run)
        self._timers.add(timer)


async def _bound_sockets(host: str, port: int) -> AsyncIterator[socket.socket]:
    """Bind to every address of ``host`` and listen."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    for family, kind, protocol, _, address in dict.fromkeys(found):
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted sockets inherit these options.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER // 2)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER // 2)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind(address)
            bound.listen(BACKLOG)
        except OSError:
            bound.close()
            raise
        yield bound
