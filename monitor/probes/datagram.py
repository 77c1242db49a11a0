"""Repeat a request by datagram until it is answered: one lost packet is not an outage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from monitor.model.probe_result import Failure, FailureKind, Phase
from monitor.net.errors import ExchangeError
from monitor.net.sockets.udp import UdpSocket
from monitor.probes.measure import ProbeConnection

RESENDS = 2
"""Number of repetitions of a query before it counts as unanswered."""

_SPACING = 0.5
"""Interval between two sends: 0.5 s at least, because losses come in bursts."""

_JUNK_LIMIT = 64
_JUNK = "the answers are not of this protocol, or not to this request"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, and when the question that it names was sent and the kernel got the reply
    (Unix seconds)."""

    packet: bytes
    sent_at: float
    arrived_at: float

    @property
    def rtt(self) -> float:
        """The round trip in seconds."""
        return max(0.0, self.arrived_at - self.sent_at)


async def ask(
    conn: ProbeConnection,
    bits: int,
    encode: Callable[[int], bytes],
    token_of: Callable[[bytes], int | None],
) -> Reply:
    """Send ``encode(token)`` and wait for a packet whose ``token_of`` is that token.

    Tokens are ``bits`` random bits, another one each time: a reply names the send that it
    answers, and cannot be forged off the path. Sends are a share of the target's timeout
    apart, and the last one waits for as long as the caller does. Everything else that the
    peer sends is ignored; if nothing but that comes, it is the failure.

    Raises:
        OSError: a local error, or what an ICMP error means.
        TimeoutError: after ``conn.dial_by``, if another address is to be tried then.
        ExchangeError: UDP_FORMAT, if packets that are not a reply do not end.
    """
    if conn.dial_by is None:
        return await _ask(conn, bits, encode, token_of)
    async with asyncio.timeout_at(conn.dial_by):
        return await _ask(conn, bits, encode, token_of)


async def _ask(
    conn: ProbeConnection,
    bits: int,
    encode: Callable[[int], bytes],
    token_of: Callable[[bytes], int | None],
) -> Reply:
    sock = UdpSocket(conn.address, conn.port)
    try:
        with conn.stopwatch.phase(Phase.EXCHANGE):
            reply = await _until_answered(conn, sock, bits, encode, token_of)
    except OSError:
        conn.failure_override = None  # an ICMP error is more specific than junk before it
        raise
    finally:
        conn.sent, conn.received = sock.sent, sock.received
        conn.local = sock.local_address
        sock.close()
    conn.failure_override = None
    return reply


async def _until_answered(
    conn: ProbeConnection,
    sock: UdpSocket,
    bits: int,
    encode: Callable[[int], bytes],
    token_of: Callable[[bytes], int | None],
) -> Reply:
    now = asyncio.get_running_loop().time()
    limit = conn.target.timeout if conn.dial_by is None else conn.dial_by - now
    pause = max(_SPACING, limit / (RESENDS + 2))
    sent_at: dict[int, float] = {}
    conn.resends = 0
    while True:
        token = conn.probe_context.random.getrandbits(bits)
        sent_at[token] = sock.send(encode(token))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause if conn.resends < RESENDS else None):
                return await _reply(conn, sock, sent_at, token_of)
        conn.resends += 1


async def _reply(
    conn: ProbeConnection,
    sock: UdpSocket,
    sent_at: Mapping[int, float],
    token_of: Callable[[bytes], int | None],
) -> Reply:
    for _ in range(_JUNK_LIMIT):
        packet, arrived_at = await sock.receive()
        token = token_of(packet)
        if token is not None and token in sent_at:
            return Reply(packet, sent_at[token], arrived_at)
        conn.failure_override = Failure(Phase.EXCHANGE, FailureKind.UDP_FORMAT, _JUNK)
    raise ExchangeError(FailureKind.UDP_FORMAT, _JUNK)
