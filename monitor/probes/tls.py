"""TLS: complete a handshake for the target's name with a peer that is trusted."""

from __future__ import annotations

import asyncio

from monitor.model.probe_result import Phase, ProbeResult
from monitor.model.target import Target
from monitor.net.sockets.client_certificate import certificate_requested
from monitor.net.sockets.stream import TlsStream
from monitor.probes.context import ProbeContext
from monitor.probes.measure import ProbeConnection
from monitor.probes.proxy_paths import measure_proxy_paths
from monitor.probes.transport import open_tls

_VERDICT_WAIT = 0.5
"""Time to wait for the alert of a TLS 1.3 server that asked for a client certificate and got none:
500 ms, or three round trips if those take longer."""


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Connect, shake hands with the target's host as server name, and close."""
    return await measure_proxy_paths(target, probe_context, _exchange, "https")


async def _exchange(conn: ProbeConnection) -> None:
    async with open_tls(conn) as stream:
        with conn.stopwatch.phase(Phase.TLS):
            await stream.flush()
            if certificate_requested(stream.tls) and stream.tls.version() == "TLSv1.3":
                await _await_verdict(conn, stream)


async def _await_verdict(conn: ProbeConnection, stream: TlsStream) -> None:
    """Receive the alert of a server that requires a client certificate.

    In TLS 1.3 the client is done before the server has judged its certificate (RFC 8446 section
    4.4.2.4). A server that goes on without one sends session tickets or nothing.

    Raises:
        ExchangeError: TLS_CLIENT_CERTIFICATE or TLS_ALERT.
        EOFError: if the server closes the connection instead.
    """
    round_trip = conn.stopwatch.durations.get(Phase.CONNECT, 0.0)
    try:
        async with asyncio.timeout(max(_VERDICT_WAIT, 3 * round_trip)):
            data = await stream.receive()
    except TimeoutError:
        return
    if not data:
        raise EOFError
