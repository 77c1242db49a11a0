"""Nebula on UDP: a node answers a packet of an unknown tunnel, and that proves the path."""

from __future__ import annotations

from monitor.model.probe_result import Phase, ProbeResult
from monitor.model.target import Target
from monitor.net.nebula import INDEX_BITS, encode_test, recv_error_index
from monitor.probes.context import ProbeContext
from monitor.probes.datagram import ask
from monitor.probes.measure import ProbeConnection, measure


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Send test packets of random tunnels and wait for the node to report them as unknown.

    Only a recv_error from that address with one of our 32-bit indexes counts, so that it cannot
    be forged off the path. A node may be configured not to send any (``listen.send_recv_error``):
    silence does not prove a block.
    """
    return await measure(target, probe_context, _exchange, first=Phase.EXCHANGE)


async def _exchange(conn: ProbeConnection) -> None:
    reply = await ask(conn, INDEX_BITS, encode_test, recv_error_index)
    conn.rtt = reply.rtt
