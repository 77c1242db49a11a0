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
    Attempt,
    Connection,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    Resolution,
    ResolutionSource,
    TcpFacts,
    TlsFacts,
)
from monitor.model.settings import FamilyChoice
from monitor.model.target import Addresses, Reach, Target
from monitor.net.errors import failure_of
from monitor.net.sockets.address_policy import refused
from monitor.net.sockets.stream import TcpStream, family_of
from monitor.net.stopwatch import Stopwatch
from monitor.probes.context import Tools

if TYPE_CHECKING:
    from monitor.net.proxy.rules import Proxy

_RESOLVE_SHARE = 0.95
"""What of the timeout a lookup may take, so that its answers outlive it as evidence."""

ADDRESSES_LIMIT = 16
"""So many addresses of a name are probed at the most."""

_SECOND_LOOK_AFTER = 0.2
"""Seconds after which an address that failed where others work is tried once more: a
connection that broke once does not make an address dead."""


@dataclass(slots=True)
class Wire:
    """The measurement of one address in the making: an exchange fills it in.

    ``blame``, when an exchange sets it, is the failure that is reported, whatever
    happens afterwards: a second look must not cover what the first one saw.
    """

    target: Target
    tools: Tools
    address: str
    port: int
    stopwatch: Stopwatch
    proxy: Proxy | None = None
    blame: Failure | None = None
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
        stream = TcpStream(family_of(self.address), segment=self.tools.segment)
        try:
            with self.stopwatch.phase(Phase.CONNECT):
                await stream.connect(self.address, self.port)
            yield stream
        finally:
            self.tcp = stream.facts()
            self.rtt = (self.tcp.rtt or None) if self.tcp else None
            self.sent, self.received = stream.sent, stream.received
            stream.close()

    def anew(self) -> Wire:
        """Return a wire to the same address that has measured nothing but the lookup yet."""
        stopwatch = Stopwatch(self.tools.clock, self.stopwatch.first)
        stopwatch.record(Phase.RESOLVE, self.stopwatch.durations[Phase.RESOLVE])
        return Wire(self.target, self.tools, self.address, self.port, stopwatch, self.proxy)

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


Exchange = Callable[[Wire], Awaitable[None]]


async def measure(
    target: Target,
    tools: Tools,
    exchange: Exchange,
    *,
    proxy: Proxy | None = None,
    first: Phase = Phase.CONNECT,
) -> Attempt:
    """Measure ``target`` once: what every prober that talks to a named host is made of.

    ``exchange`` is run for one address of each family that is probed (or for all, where the
    target says so), all at once; what it raises becomes the connection's failure, in the
    phase that was open (``first`` before any was). With ``proxy`` the proxy is resolved and
    dialled instead.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + target.timeout
    started_at, begun = tools.clock.time(), tools.clock.monotonic()
    resolution = await _resolve(target, tools, proxy, deadline)
    resolve_seconds = tools.clock.monotonic() - begun
    wires = []
    every = target.addresses is Addresses.ALL and not proxy
    for address in choose(resolution.addresses, tools.families, every=every):
        stopwatch = Stopwatch(tools.clock, first)
        stopwatch.record(Phase.RESOLVE, resolve_seconds)
        port = proxy.port if proxy else target.dial_port
        wires.append(Wire(target, tools, address, port, stopwatch, proxy))
    if every and tools.starts:
        for _ in wires[1:]:
            tools.starts.reserve(loop.time())
    connections = await _run_all(wires, exchange, deadline)
    return Attempt(
        target_id=target.id,
        started_at=started_at,
        duration=tools.clock.monotonic() - begun,
        resolution=resolution,
        connections=connections,
        failure=resolution.failure or _decisive(connections, tools.families),
        proxy=proxy.label if proxy else None,
        clock_offset=next((w.clock_offset for w in wires if w.clock_offset is not None), None),
    )


async def _resolve(
    target: Target, tools: Tools, proxy: Proxy | None, deadline: float
) -> Resolution:
    host = proxy.host if proxy else target.host
    if target.address and not proxy:
        return Resolution(host, ResolutionSource.FIXED, (target.address,))
    try:
        async with asyncio.timeout_at(deadline):
            found = await tools.resolver.resolve(host, target.timeout * _RESOLVE_SHARE)
    except TimeoutError as error:
        failure = failure_of(error, Phase.RESOLVE)
        return Resolution(host, ResolutionSource.DNS, (), (), failure)
    # A proxy resolves for itself, and is itself of a private network more often than not.
    return found if proxy or target.reach is Reach.ANY else _within(found, target.reach)


def _within(found: Resolution, reach: Reach) -> Resolution:
    """Leave out addresses that a name from a server's answer must not lead to."""
    reasons = {address: refused(address, reach) for address in found.addresses}
    kept = tuple([address for address, reason in reasons.items() if not reason])
    if kept or not reasons:
        return replace(found, addresses=kept)
    address, reason = next(iter(reasons.items()))
    message = f"{reason}, which is not dialled"
    failure = Failure(Phase.RESOLVE, FailureKind.DNS_SINKHOLE, message, code=address)
    return replace(found, addresses=(), failure=failure)


async def _run_all(
    wires: list[Wire], exchange: Exchange, deadline: float
) -> tuple[Connection, ...]:
    if len(wires) == 1:
        return (await _run(wires[0], exchange, deadline),)
    run = _run_twice if wires and wires[0].target.addresses is Addresses.ALL else _run
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(wire, exchange, deadline)) for wire in wires]
    return tuple(task.result() for task in tasks)


async def _run_twice(wire: Wire, exchange: Exchange, deadline: float) -> Connection:
    """Run it, and if it fails with time left, once more: the second result counts."""
    first = await _run(wire, exchange, deadline)
    again = asyncio.get_running_loop().time() + _SECOND_LOOK_AFTER
    if first.failure is None or again >= deadline:
        return first
    await asyncio.sleep(_SECOND_LOOK_AFTER)
    return await _run(wire.anew(), exchange, deadline)


async def _run(wire: Wire, exchange: Exchange, deadline: float) -> Connection:
    try:
        async with asyncio.timeout_at(deadline):
            await exchange(wire)
    except Exception as error:  # noqa: BLE001 - every failure is a result; a bug is INTERNAL
        return wire.connection(wire.blame or failure_of(error, wire.stopwatch.current))
    return wire.connection(wire.blame)


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
