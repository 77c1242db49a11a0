"""TLS: is the handshake for this name finished, by a peer that we trust."""

from __future__ import annotations

from monitor.model.probe_result import Attempt
from monitor.model.target import Target
from monitor.probes.context import Tools
from monitor.probes.measure import Wire
from monitor.probes.proxy_paths import measure_ways
from monitor.probes.transport import channel


async def probe(target: Target, tools: Tools) -> Attempt:
    """Connect, shake hands with the target's host as server name, and close."""
    return await measure_ways(target, tools, _exchange, "https")


async def _exchange(wire: Wire) -> None:
    async with channel(wire, secure=True) as stream:
        await stream.flush()
