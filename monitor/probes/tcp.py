"""TCP: does the port accept a connection, and how long does the handshake take."""

from __future__ import annotations

from monitor.model import Attempt, Target
from monitor.probes.measure import Wire, measure
from monitor.probes.tools import Tools


async def probe(target: Target, tools: Tools) -> Attempt:
    """Connect and close. The round trip is the kernel's figure of the handshake."""
    return await measure(target, tools, _exchange)


async def _exchange(wire: Wire) -> None:
    async with wire.dialled():
        pass
