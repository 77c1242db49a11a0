"""The transport of a probe: TCP, the tunnel of a proxy if there is one, TLS if it is secure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from monitor.common.sanitize import sanitize
from monitor.model.probe_result import Failure, FailureKind, Phase
from monitor.net.errors import ExchangeError, failure_of
from monitor.net.http.proxy_fields import authentication_schemes, proxy_error
from monitor.net.http.request import authority
from monitor.net.http.response import ResponseParser, read_response
from monitor.net.proxy.rules import Proxy, connect_request
from monitor.net.sockets.client_hello import needs_padding
from monitor.net.sockets.stream import Stream, TcpStream, TlsStream
from monitor.net.sockets.tls import tls_facts, verify_as_go
from monitor.net.stopwatch import Stopwatch
from monitor.probes.large_hello import handshake_compared
from monitor.probes.measure import ProbeConnection

_TUNNEL = 200
_PROXY_TLS_SILENT = Failure(
    Phase.PROXY, FailureKind.PROXY_TLS, "TLS with the proxy fails: no answer in time"
)


@asynccontextmanager
async def open_transport(
    conn: ProbeConnection, *, secure: bool, tunnel: bool = True, alpn: Sequence[str] = ()
) -> AsyncIterator[Stream]:
    """Open the connection to the target for the length of the block, timing each step.

    Without ``tunnel`` a proxy is spoken to as such (plain HTTP, RFC 9112 section 3.2.2).
    A certificate that is not trusted fails the measurement; a follow-up without verification
    shows whose it is.
    """
    async with conn.dialled() as tcp:
        stream = await _through_proxy(conn, tcp, tunnel=tunnel)
        yield await _secured(conn, stream, alpn) if secure else stream


@asynccontextmanager
async def open_tls(conn: ProbeConnection) -> AsyncIterator[TlsStream]:
    """Open a TLS connection without an application protocol for the length of the block;
    ``certificate_requested`` is known of it."""
    async with conn.dialled() as tcp:
        stream = await _through_proxy(conn, tcp, tunnel=True)
        yield await _secured(conn, stream, watched=True)


async def _through_proxy(conn: ProbeConnection, tcp: TcpStream, *, tunnel: bool) -> Stream:
    if conn.proxy is None:
        return tcp
    stream: Stream = tcp
    with conn.stopwatch.phase(Phase.PROXY):
        if conn.proxy.scheme == "https":
            stream = await _secured_to(conn, tcp, conn.proxy)
        if tunnel:
            host = conn.target.address or conn.target.host
            await _connect_through(stream, conn.proxy, host, conn.target.dial_port)
    return stream


async def _secured_to(conn: ProbeConnection, tcp: TcpStream, proxy: Proxy) -> Stream:
    """Shake hands with the proxy itself.

    Raises:
        ExchangeError: PROXY_TLS.
    """
    stream = TlsStream(tcp, conn.probe_context.trust_store.probe_context(), proxy.host)
    # A timeout ends this block by cancellation: what it was about has to be known before.
    conn.failure_override = _PROXY_TLS_SILENT
    try:
        await stream.handshake()
        verify_as_go(stream.tls, proxy.host)
    except (ExchangeError, EOFError, OSError) as error:
        conn.failure_override = None
        failure = failure_of(error, Phase.PROXY)
        message = f"TLS with the proxy fails: {failure.message}"
        raise ExchangeError(FailureKind.PROXY_TLS, message, failure.code) from None
    conn.failure_override = None
    return stream


async def _connect_through(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    """Ask the proxy for a tunnel (RFC 9110 section 9.3.6).

    Raises:
        ExchangeError: PROXY_STATUS, if it answers with another status than 200, which is the
            only one that Go accepts. The code of a login that Basic can't satisfy is the status
            and the schemes.
    """
    await stream.send(connect_request(host, port, proxy))
    head = await read_response(stream, ResponseParser(method="CONNECT"))
    if head.status == _TUNNEL:
        return
    schemes, said = authentication_schemes(head), sanitize(proxy.redact(proxy_error(head)), 160)
    message = f"the proxy answered {head.status} to CONNECT {authority(host, port)}"
    code = str(head.status)
    if schemes and "basic" not in schemes.lower().split(", "):
        message, code = f"{message} and offers {schemes}", f"{code} {schemes}"
    raise ExchangeError(FailureKind.PROXY_STATUS, f"{message} ({said})" if said else message, code)


async def _secured(
    conn: ProbeConnection, carrier: Stream, alpn: Sequence[str] = (), *, watched: bool = False
) -> TlsStream:
    store = conn.probe_context.trust_store
    context = store.probe_context(alpn=alpn, padded=True, watched=watched)
    stream = TlsStream(carrier, context, conn.target.host)
    try:
        with conn.stopwatch.phase(Phase.TLS):
            if alpn and needs_padding():
                await handshake_compared(conn, stream, _answers(conn, alpn))
            else:
                await stream.handshake()
    except ExchangeError as error:
        conn.failure_override = failure_of(error, Phase.TLS)
        if error.kind is FailureKind.TLS_VERIFY:
            await _follow_up_without_verification(conn, error.message)
        raise
    try:
        verify_as_go(stream.tls, conn.target.host)
    except ExchangeError as error:
        conn.failure_override = failure_of(error, Phase.TLS)
        conn.tls = tls_facts(stream.tls, verify_error=error.message, is_public=store.is_public)
        raise
    conn.tls = tls_facts(stream.tls, is_public=store.is_public)
    return stream


def _answers(conn: ProbeConnection, alpn: Sequence[str]) -> Callable[[bool], Awaitable[bool]]:
    """Return the check whether the peer answers a large or a small ClientHello."""

    async def answered(large: bool) -> bool:
        store = conn.probe_context.trust_store
        context = store.probe_context(verify=False, alpn=alpn, padded=large)
        other = _same_address(conn)
        async with other.dialled() as tcp:
            carrier = await _through_proxy(other, tcp, tunnel=True)
            stream = TlsStream(carrier, context, conn.target.host)
            with contextlib.suppress(OSError, EOFError, ExchangeError):
                await stream.handshake()
            return stream.answered

    return answered


def _same_address(conn: ProbeConnection) -> ProbeConnection:
    """Return a second connection to the same address, for a follow-up within the same probe; it
    takes a token of the rate."""
    if conn.probe_context.starts:
        conn.probe_context.starts.reserve(asyncio.get_running_loop().time())
    stopwatch = Stopwatch(conn.probe_context.clock, Phase.CONNECT)
    return ProbeConnection(
        conn.target, conn.probe_context, conn.address, conn.port, stopwatch, conn.proxy
    )


async def _follow_up_without_verification(conn: ProbeConnection, verify_error: str) -> None:
    """Shake hands once more and accept every peer: OpenSSL keeps no chain that it refused."""
    context = conn.probe_context.trust_store.probe_context(verify=False)
    other = _same_address(conn)
    with contextlib.suppress(OSError, EOFError, ExchangeError):
        async with other.dialled() as tcp:
            carrier = await _through_proxy(other, tcp, tunnel=True)
            stream = TlsStream(carrier, context, conn.target.host)
            await stream.handshake()
            conn.tls = tls_facts(stream.tls, verify_error=verify_error)
