"""One measurement from name to Attempt: resolve, pick addresses, exchange, under one deadline."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
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
from monitor.net.sockets.stream import TcpStream, family_of
from monitor.net.stopwatch import Stopwatch
from monitor.probes.context import ProbeContext

if TYPE_CHECKING:
    from monitor.net.proxy.rules import Proxy

_RESOLVE_SHARE = 0.95
"""What of the timeout a lookup may take, so that its answers outlive it as evidence."""

ADDRESSES_LIMIT = 16
"""So many addresses of a name are probed at the most."""

_FOLLOW_UP_AFTER = 0.2
"""Seconds after which an address that failed where others work is tried once more: a
connection that broke once does not make an address dead."""


@dataclass(slots=True)
class ProbeConnection:
    """The measurement of one address in the making: an exchange fills it in.

    ``failure_override``, when an exchange sets it, is the failure that is reported, whatever
    happens afterwards: a second look must not cover what the first one saw.
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
    resends: int | None = None
    sent: int = 0
    received: int = 0

    @asynccontextmanager
    async def dialled(self) -> AsyncIterator[TcpStream]:
        """Connect for the length of the block; the kernel's figures are read at its end."""
        stream = TcpStream(family_of(self.address), segment=self.probe_context.segment)
        try:
            with self.stopwatch.phase(Phase.CONNECT):
                await stream.connect(self.address, self.port)
            yield stream
        finally:
            self.tcp = stream.facts()
            self.rtt = (self.tcp.rtt or None) if self.tcp else None
            self.sent, self.received = stream.sent, stream.received
            stream.close()

    def fresh_copy(self) -> ProbeConnection:
        """Return a wire to the same address that has measured nothing but the lookup yet."""
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
            family=_family(self.address),
            phases=self.stopwatch.durations,
            failure=failure,
            rtt=self.rtt,
            resends=self.resends,
            proxy=self.proxy.label if self.proxy else None,
            sent=self.sent,
            received=self.received,
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
    """Measure ``target`` once: what every prober that talks to a named host is made of.

    ``exchange`` is run for one address of each family that is probed (or for all, where the
    target says so), all at once; what it raises becomes the connection's failure, in the
    phase that was open (``first`` before any was). With ``proxy`` the proxy is resolved and
    dialled instead.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + target.timeout
    started_at, begun = probe_context.clock.time(), probe_context.clock.monotonic()
    resolution = await _resolve(target, probe_context, proxy, deadline)
    resolve_seconds = probe_context.clock.monotonic() - begun
    conns = []
    every = target.addresses is Addresses.ALL and not proxy
    for address in choose(resolution.addresses, probe_context.families, every=every):
        stopwatch = Stopwatch(probe_context.clock, first)
        stopwatch.record(Phase.RESOLVE, resolve_seconds)
        port = proxy.port if proxy else target.dial_port
        conns.append(ProbeConnection(target, probe_context, address, port, stopwatch, proxy))
    if every and probe_context.starts:
        for _ in conns[1:]:
            probe_context.starts.reserve(loop.time())
    connections = await _run_all(conns, exchange, deadline)
    return ProbeResult(
        target_id=target.id,
        started_at=started_at,
        duration=probe_context.clock.monotonic() - begun,
        resolution=resolution,
        connections=connections,
        failure=resolution.failure or _decisive(connections, probe_context.families),
        proxy=proxy.label if proxy else None,
        clock_offset=next((w.clock_offset for w in conns if w.clock_offset is not None), None),
    )


async def _resolve(
    target: Target, probe_context: ProbeContext, proxy: Proxy | None, deadline: float
) -> Resolution:
    host = proxy.host if proxy else target.host
    if target.address and not proxy:
        return Resolution(host, ResolutionSource.FIXED, (target.address,))
    try:
        async with asyncio.timeout_at(deadline):
            found = await probe_context.resolver.resolve(host, target.timeout * _RESOLVE_SHARE)
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


async def _run_all(
    conns: list[ProbeConnection], exchange: Exchange, deadline: float
) -> tuple[Connection, ...]:
    if len(conns) == 1:
        return (await _run(conns[0], exchange, deadline),)
    run = _run_twice if conns and conns[0].target.addresses is Addresses.ALL else _run
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(conn, exchange, deadline)) for conn in conns]
    return tuple(task.result() for task in tasks)


async def _run_twice(conn: ProbeConnection, exchange: Exchange, deadline: float) -> Connection:
    """Run it, and if it fails with time left, once more: the second result counts."""
    first = await _run(conn, exchange, deadline)
    again = asyncio.get_running_loop().time() + _FOLLOW_UP_AFTER
    if first.failure is None or again >= deadline:
        return first
    await asyncio.sleep(_FOLLOW_UP_AFTER)
    return await _run(conn.fresh_copy(), exchange, deadline)


async def _run(conn: ProbeConnection, exchange: Exchange, deadline: float) -> Connection:
    try:
        async with asyncio.timeout_at(deadline):
            await exchange(conn)
    except Exception as error:  # noqa: BLE001 - every failure is a result; a bug is INTERNAL
        return conn.connection(conn.failure_override or failure_of(error, conn.stopwatch.current))
    return conn.connection(conn.failure_override)


def choose(
    addresses: tuple[str, ...], families: FamilyChoice, *, every: bool = False
) -> tuple[str, ...]:
    """Pick the first address of each family that is to be probed, or ``every`` one up to
    ``ADDRESSES_LIMIT``, IPv4 and IPv6 by turns so that none is crowded out."""
    v4 = [a for a in addresses if ":" not in a]
    v6 = [a for a in addresses if ":" in a]
    if families is FamilyChoice.IPV4:
        v6 = []
    elif families is FamilyChoice.IPV6:
        v4 = []
    elif families is FamilyChoice.AUTO and v4 and v6 and not _has_route(v6[0]):
        v6 = []
    turns = [address for pair in zip_longest(v4, v6) for address in pair if address]
    if every:
        return tuple(turns[:ADDRESSES_LIMIT])
    return (*v4[:1], *v6[:1])


def _has_route(address: str) -> bool:
    """Ask the kernel for a route: connecting a datagram socket sends nothing."""
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
    except OSError:
        return False
    return True


def _decisive(connections: tuple[Connection, ...], families: FamilyChoice) -> Failure | None:
    """The endpoint is reached when one address is; with BOTH, when one of each family is."""
    if not connections:
        return Failure(Phase.RESOLVE, FailureKind.DNS_NODATA, "no address of the configured family")
    failures: dict[Family, Failure] = {}
    for connection in connections:
        if connection.failure is not None:
            failures.setdefault(connection.family, connection.failure)
    broken = failures.keys() - {c.family for c in connections if c.failure is None}
    tried = {c.family for c in connections}
    if broken == tried or (broken and families is FamilyChoice.BOTH):
        return next(failures[family] for family in failures if family in broken)
    return None


def _family(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4
