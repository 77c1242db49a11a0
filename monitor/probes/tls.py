"""TLS: is the handshake for this name finished, by a peer that we trust."""

from __future__ import annotations

from monitor.model import Attempt, Target
from monitor.probes.channel import channel
from monitor.probes.measure import Wire
from monitor.probes.tools import Tools
from monitor.probes.ways import measure_ways


async def probe(target: Target, tools: Tools) -> Attempt:
    """Connect, shake hands with the target's host as server name, and close."""
    return await measure_ways(target, tools, _exchange, "https")


async def _exchange(wire: Wire) -> None:
    async with channel(wire, secure=True) as stream:
        await stream.flush()
