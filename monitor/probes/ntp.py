"""NTP: does the time service answer, and how far is our clock from its."""

from __future__ import annotations

import asyncio
import contextlib

from monitor.model import Attempt, FailureKind, Phase, Target
from monitor.net.errors import ExchangeError
from monitor.net.ntp_wire import decode_answer, encode_request, offset_and_delay
from monitor.net.udp import UdpSocket
from monitor.probes.measure import Wire, measure
from monitor.probes.tools import Tools

SENDS = 3
_JUNK_LIMIT = 64


async def probe(target: Target, tools: Tools) -> Attempt:
    """Ask once (again if that is lost) and compare clocks. A clock that is off is no
    failure of the endpoint: it is told as ``clock_offset``."""
    return await measure(target, tools, _exchange, first=Phase.EXCHANGE)


async def _exchange(wire: Wire) -> None:
    socket = UdpSocket(wire.address, wire.port)
    try:
        with wire.stopwatch.phase(Phase.EXCHANGE):
            for turn in range(SENDS):
                last = turn == SENDS - 1
                pause = None if last else wire.target.timeout / (SENDS + 1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        return await _ask(wire, socket)
    finally:
        wire.sent, wire.received = socket.sent, socket.received
        socket.close()


async def _ask(wire: Wire, socket: UdpSocket) -> None:
    nonce = wire.tools.random.getrandbits(64)
    sent_at = socket.send(encode_request(nonce))
    for _ in range(_JUNK_LIMIT):
        packet, arrived = await socket.receive()
        answer = decode_answer(packet, nonce)
        if answer is None:
            continue
        if answer.kiss:
            raise ExchangeError(
                FailureKind.UDP_FORMAT, f"the time server declines: {answer.kiss}", answer.kiss
            )
        wire.clock_offset, wire.rtt = offset_and_delay(answer, sent_at, arrived)
        return
    raise ExchangeError(FailureKind.UDP_FORMAT, "what answers does not speak NTP")
