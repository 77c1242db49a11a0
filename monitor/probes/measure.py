"""One measurement from name to ProbeResult: resolve, dial, exchange, under one deadline."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.model.probe_result import (
    Connection,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
    Resolution,
    ResolutionSource,
    TcpFacts,
    TlsFacts,
)
from monitor.model.settings import FamilyChoice
from monitor.model.target import Addresses, AddressPolicy, Target
from monitor.net.errors import failure_of
from monitor.net.sockets.address_policy import denial_reason
from monitor.net.sockets.socket_address import family_of, require_source, source_of
from monitor.net.sockets.stream import TcpStream
from monitor.net.stopwatch import Stopwatch
from monitor.probes.context import ProbeContext
from monitor.probes.lanes import (
    DIAL_MINIMUM,
    LaneResult,
    by_turns,
    failure_of_lanes,
    family_of_address,
    goes_on,
    lanes_of,
    winner,
)

if TYPE_CHECKING:
    from monitor.net.proxy.rules import Proxy

_RESOLVE_SHARE = 0.95
"""Share of the timeout that a lookup may take, so that answers remain available as evidence after
a timeout."""

_FOLLOW_UP_AFTER = 0.2
"""Delay before an address that failed is tried once more if every address is probed: 200 ms. A
connection that broke once does not make an address dead."""

_SPURIOUS_LIMIT = 2
"""Connections that are repeated because the kernel connected a socket to itself or found its own
choice of source port taken: 2, as in Go (``doDialTCPProto`` in net/tcpsock_posix.go)."""


@dataclass(slots=True)
class ProbeConnection:
    """The measurement of one address while it is made: an exchange fills it in.

    ``failure_override``, if an exchange sets it, is the failure that is reported, whatever
    happens afterwards: a follow-up must not hide the first observation. ``dial_by`` is the
    event-loop time by which it has to be connected (a datagram has to be answered), None for
    the target's timeout alone; ``established_at`` is when that happened.
    """

    target: Target
    probe_context: ProbeContext
    address: str
    port: int
    stopwatch: Stopwatch
    proxy: Proxy | None = None
    failure_override: Failure | None = None
    rtt: float | None = None
    tcp: TcpFacts | None = None
    tls: TlsFacts | None = None
    http: HttpFacts | None = None
    clock_offset: float | None = None
    answered_at: float = 0.0
    dial_by: float | None = None
    established_at: float | None = None
    resends: int | None = None
    sent: int = 0
    received: int = 0
    local: str = ""

    @asynccontextmanager
    async def dialled(self) -> AsyncIterator[TcpStream]:
        """Connect for the length of the block; the kernel's figures are read at its end.

        Raises:
            OSError: ECONNREFUSED also if the kernel keeps connecting the socket to itself, which
                it does only to a port of this host where nothing listens.
        """
        stream = self._stream()
        try:
            with self.stopwatch.phase(Phase.CONNECT):
                for _ in range(_SPURIOUS_LIMIT):
                    if await self._connected(stream):
                        break
                    stream.close()
                    stream = self._stream()
                else:
                    await self._connect(stream)
                    if stream.connected_to_itself:
                        raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            self.established_at = asyncio.get_running_loop().time()
            yield stream
        finally:
            self.tcp = stream.facts()
            self.local = stream.local_address
            self.rtt = (self.tcp.rtt or None) if self.tcp else None
            self.sent, self.received = stream.sent, stream.received
            stream.close()

    def _stream(self) -> TcpStream:
        return TcpStream(family_of(self.address), segment=self.probe_context.segment)

    async def _connect(self, stream: TcpStream) -> None:
        if self.dial_by is None:
            await stream.connect(self.address, self.port)
            return
        async with asyncio.timeout_at(self.dial_by):
            await stream.connect(self.address, self.port)

    async def _connected(self, stream: TcpStream) -> bool:
        """Connect; returns False if that has to be done again with another source port.

        Raises:
            ExchangeError: NO_SOURCE, if the host has no address of that family to connect from.
        """
        try:
            await self._connect(stream)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            require_source(self.address)
            return False
        return not stream.connected_to_itself

    def fresh_copy(self) -> ProbeConnection:
        """Return a connection to the same address that has measured nothing but the lookup."""
        stopwatch = Stopwatch(self.probe_context.clock, self.stopwatch.first)
        stopwatch.record(Phase.RESOLVE, self.stopwatch.durations[Phase.RESOLVE])
        return ProbeConnection(
            self.target, self.probe_context, self.address, self.port, stopwatch, self.proxy
        )

    def connection(self, failure: Failure | None) -> Connection:
        """Return the finished value."""
        return Connection(
            address=self.address,
            port=self.port,
            family=family_of_address(self.address),
            phases=self.stopwatch.durations,
            failure=failure,
            rtt=self.rtt,
            resends=self.resends,
            proxy=self.proxy.label if self.proxy else None,
            sent=self.sent,
            received=self.received,
            local=self.local,
            tcp=self.tcp,
            tls=self.tls,
            http=self.http,
        )


Exchange = Callable[[ProbeConnection], Awaitable[None]]


async def measure(
    target: Target,
    probe_context: ProbeContext,
    exchange: Exchange,
    *,
    proxy: Proxy | None = None,
    first: Phase = Phase.CONNECT,
) -> ProbeResult:
    """Measure ``target`` once: the common part of every prober that talks to a named host.

    ``exchange`` is run for one address after another of each address family until one connects
    (or for all of them with ``addresses = all``), both families at once; what it raises becomes
    the connection's failure, in the phase that was open (``first`` before any was). The result
    is that of the connection which Go would use, and ends when that does. With ``proxy`` the
    proxy is resolved and dialled instead.
    """
    loop, clock = asyncio.get_running_loop(), probe_context.clock
    run = _Run(target, probe_context, exchange, proxy, first, loop.time() + target.timeout)
    started_at, begun = clock.time(), clock.monotonic()
    resolution = await _resolve(target, probe_context, proxy, run.deadline)
    run.resolve_seconds = clock.monotonic() - begun
    lanes = lanes_of(resolution.addresses, _families(resolution, probe_context), source_of)
    if target.addresses is Addresses.ALL and not proxy:
        connections, failure = await run.every(by_turns(lanes))
        ended = loop.time()
    else:
        connections, failure, ended = await run.race(lanes)
    if resolution.addresses and not lanes:
        failure = _no_family(resolution, probe_context.families)
    return ProbeResult(
        target_id=target.id,
        started_at=started_at,
        duration=clock.monotonic() - begun - (loop.time() - ended),
        resolution=resolution,
        connections=connections,
        failure=resolution.failure or failure,
        proxy=proxy.label if proxy else None,
        clock_offset=run.clock_offset,
    )


def _families(resolution: Resolution, probe_context: ProbeContext) -> FamilyChoice:
    """Return the families to dial: a literal address is dialed whatever family is configured."""
    given = resolution.source in {ResolutionSource.LITERAL, ResolutionSource.FIXED}
    return FamilyChoice.AUTO if given else probe_context.families


def _no_family(resolution: Resolution, families: FamilyChoice) -> Failure:
    message = f"{resolution.host} has no address of the configured family ({families.value})"
    return Failure(Phase.RESOLVE, FailureKind.NO_FAMILY, message, code=families.value)


@dataclass(slots=True)
class _Run:
    """One measurement under way: its limits and its connections. ``deadline`` is event-loop
    time."""

    target: Target
    probe_context: ProbeContext
    exchange: Exchange
    proxy: Proxy | None
    first: Phase
    deadline: float
    resolve_seconds: float = 0.0
    clock_offset: float | None = None

    async def race(
        self, lanes: Sequence[tuple[str, ...]]
    ) -> tuple[tuple[Connection, ...], Failure | None, float]:
        """Dial both families at once; returns the connections, that which counts first, why the
        target was not reached, and when that was known (event-loop time)."""
        loop = asyncio.get_running_loop()
        if not lanes:
            return (), None, loop.time()
        begun = loop.time()
        if len(lanes) == 1:
            results = [await self._lane(lanes[0], begun)]
        else:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._lane(lane, begun)) for lane in lanes]
            results = [task.result() for task in tasks]
        failure = failure_of_lanes(results, self.probe_context.families)
        counted = winner(results)
        others = [c for lane in results if lane is not counted for c in lane.connections]
        connections = (*reversed(counted.connections), *others)
        return connections, failure, loop.time() if failure else begun + counted.ended

    async def _lane(self, addresses: Sequence[str], begun: float) -> LaneResult:
        """Dial one address after another until one connects. Each gets an even share of the
        time that is left (``dialSerial`` in Go's net/dial.go)."""
        loop = asyncio.get_running_loop()
        connections: list[Connection] = []
        established: float | None = None
        for number, address in enumerate(addresses):
            now, left = loop.time(), len(addresses) - number
            if connections and now >= self.deadline:
                break
            conn = self._connection(address, reserve=number > 0)
            if left > 1:
                share = max(DIAL_MINIMUM, (self.deadline - now) / left)
                conn.dial_by = min(self.deadline, now + share)
            connections.append(await self._run(conn))
            failure = connections[-1].failure
            if not goes_on(failure):
                at = conn.established_at or (loop.time() if failure is None else None)
                established = None if at is None else at - begun
                break
        return LaneResult(tuple(connections), established, loop.time() - begun)

    async def every(
        self, addresses: Sequence[str]
    ) -> tuple[tuple[Connection, ...], Failure | None]:
        """Measure every address at once, each that fails twice: the second result counts."""
        conns = [self._connection(a, reserve=n > 0) for n, a in enumerate(addresses)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._run_twice(conn)) for conn in conns]
        connections = tuple([task.result() for task in tasks])
        return connections, _decisive(connections, self.probe_context.families)

    def _connection(self, address: str, *, reserve: bool) -> ProbeConnection:
        """Return a connection to measure; one beyond the first takes a token of the rate."""
        if reserve and self.probe_context.starts:
            self.probe_context.starts.reserve(asyncio.get_running_loop().time())
        stopwatch = Stopwatch(self.probe_context.clock, self.first)
        stopwatch.record(Phase.RESOLVE, self.resolve_seconds)
        port = self.proxy.port if self.proxy else self.target.dial_port
        return ProbeConnection(
            self.target, self.probe_context, address, port, stopwatch, self.proxy
        )

    async def _run_twice(self, conn: ProbeConnection) -> Connection:
        first = await self._run(conn)
        again = asyncio.get_running_loop().time() + _FOLLOW_UP_AFTER
        if first.failure is None or again >= self.deadline:
            return first
        await asyncio.sleep(_FOLLOW_UP_AFTER)
        return await self._run(conn.fresh_copy())

    async def _run(self, conn: ProbeConnection) -> Connection:
        failure: Failure | None = None
        try:
            async with asyncio.timeout_at(self.deadline):
                await self.exchange(conn)
        except Exception as error:  # noqa: BLE001 - every failure is a result; a bug is INTERNAL
            failure = failure_of(error, conn.stopwatch.current)
        if self.clock_offset is None:
            self.clock_offset = conn.clock_offset
        return conn.connection(conn.failure_override or failure)


async def _resolve(
    target: Target, probe_context: ProbeContext, proxy: Proxy | None, deadline: float
) -> Resolution:
    host = proxy.host if proxy else target.host
    if target.address and not proxy:
        return Resolution(host, ResolutionSource.FIXED, (target.address,))
    try:
        async with asyncio.timeout_at(deadline):
            found = await probe_context.resolver.resolve(
                host, target.timeout * _RESOLVE_SHARE, probe_context.families
            )
    except TimeoutError as error:
        failure = failure_of(error, Phase.RESOLVE)
        return Resolution(host, ResolutionSource.DNS, (), (), failure)
    # A proxy resolves for itself, and is itself of a private network more often than not.
    return (
        found
        if proxy or target.address_policy is AddressPolicy.ANY
        else _within(found, target.address_policy)
    )


def _within(found: Resolution, address_policy: AddressPolicy) -> Resolution:
    """Leave out addresses that a name from a server's answer must not lead to."""
    reasons = {address: denial_reason(address, address_policy) for address in found.addresses}
    kept = tuple([address for address, reason in reasons.items() if not reason])
    if kept or not reasons:
        return replace(found, addresses=kept)
    address, reason = next(iter(reasons.items()))
    message = f"{reason}, which is not dialled"
    failure = Failure(Phase.RESOLVE, FailureKind.DNS_SINKHOLE, message, code=address)
    return replace(found, addresses=(), failure=failure)


def _decisive(connections: tuple[Connection, ...], families: FamilyChoice) -> Failure | None:
    """Return why a target was not reached at any address; with BOTH, at any of one family."""
    if not connections:
        return None
    failures: dict[Family, Failure] = {}
    for connection in connections:
        if connection.failure is not None:
            failures.setdefault(connection.family, connection.failure)
    broken = failures.keys() - {c.family for c in connections if c.failure is None}
    tried = {c.family for c in connections}
    if broken == tried or (broken and families is FamilyChoice.BOTH):
        return next(failures[family] for family in failures if family in broken)
    return None
