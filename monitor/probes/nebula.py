"""Nebula on UDP: a node answers a packet of an unknown tunnel, and that proves the path."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from monitor.model import Attempt, Failure, FailureKind, Phase, Target
from monitor.net.errors import ExchangeError
from monitor.net.nebula_wire import encode_test, recv_error_index
from monitor.net.udp import UdpSocket
from monitor.probes.measure import Wire, measure
from monitor.probes.tools import Tools

SENDS = 3
"""How often a packet is sent before silence is called silence: one loss is no outage."""

_JUNK_LIMIT = 64
_JUNK = "what answers does not speak Nebula, or answers somebody else"


async def probe(target: Target, tools: Tools) -> Attempt:
    """Send test packets of random tunnels and wait for the node to say it knows none.

    Only a recv_error from that address with one of our 32-bit indexes counts, so nobody
    off the path can fake it. Each packet has an index of its own: the round trip is that
    of the packet which was answered.
    """
    return await measure(target, tools, _exchange, first=Phase.EXCHANGE)


async def _exchange(wire: Wire) -> None:
    socket = UdpSocket(wire.address, wire.port)
    try:
        with wire.stopwatch.phase(Phase.EXCHANGE):
            await _ask_until_answered(wire, socket)
    finally:
        wire.sent, wire.received = socket.sent, socket.received
        socket.close()


async def _ask_until_answered(wire: Wire, socket: UdpSocket) -> None:
    """Send, wait a share of the time for the answer, send again."""
    pause = wire.target.timeout / (SENDS + 1)
    sent_at: dict[int, float] = {}
    for turn in range(SENDS):
        index = wire.tools.random.getrandbits(32)
        sent_at[index] = socket.send(encode_test(index))
        last = turn == SENDS - 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if last else pause):
                wire.rtt = await _answer(wire, socket, sent_at)
                wire.blame = None
                return


async def _answer(wire: Wire, socket: UdpSocket, sent_at: Mapping[int, float]) -> float:
    """Return the round trip of the packet that was answered, in seconds.

    Raises:
        ExchangeError: UDP_FORMAT, if too much comes that is no answer.
    """
    for _ in range(_JUNK_LIMIT):
        packet, arrived = await socket.receive()
        index = recv_error_index(packet)
        if index is not None and index in sent_at:
            return max(0.0, arrived - sent_at[index])
        wire.blame = Failure(Phase.EXCHANGE, FailureKind.UDP_FORMAT, _JUNK)
    raise ExchangeError(FailureKind.UDP_FORMAT, _JUNK)
