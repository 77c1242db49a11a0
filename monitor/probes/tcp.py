"""TCP: does the port accept a connection, and how long does the handshake take."""

from __future__ import annotations

from monitor.model.probe_result import ProbeResult
from monitor.model.target import Target
from monitor.probes.context import ProbeContext
from monitor.probes.measure import ProbeConnection, measure


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Connect and close. The round trip is the kernel's figure of the handshake."""
    return await measure(target, probe_context, _exchange)


async def _exchange(conn: ProbeConnection) -> None:
    async with conn.dialled():
        pass
