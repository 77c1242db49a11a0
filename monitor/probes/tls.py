"""TLS: is the handshake for this name finished, by a peer that we trust."""

from __future__ import annotations

from monitor.model.probe_result import ProbeResult
from monitor.model.target import Target
from monitor.probes.context import ProbeContext
from monitor.probes.measure import ProbeConnection
from monitor.probes.proxy_paths import measure_proxy_paths
from monitor.probes.transport import open_transport


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Connect, shake hands with the target's host as server name, and close."""
    return await measure_proxy_paths(target, probe_context, _exchange, "https")


async def _exchange(conn: ProbeConnection) -> None:
    async with open_transport(conn, secure=True) as stream:
        await stream.flush()
