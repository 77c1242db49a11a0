"""TCP: does the port accept a connection, and how long does the handshake take."""

from __future__ import annotations

from monitor.model.probe_result import Attempt
from monitor.model.target import Target
from monitor.probes.context import Tools
from monitor.probes.measure import Wire, measure


async def probe(target: Target, tools: Tools) -> Attempt:
    """Connect and close. The round trip is the kernel's figure of the handshake."""
    return await measure(target, tools, _exchange)


async def _exchange(wire: Wire) -> None:
    async with wire.dialled():
        pass
