"""HTTP/2 within the HTTP prober: a real exchange on a schedule of its own.

Go negotiates HTTP/2 if the server offers it, and then uses nothing else: a proxy that negotiates h2
and breaks it takes the runner down while HTTP/1.1 works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from monitor.model.probe_result import Failure, FailureKind, Phase
from monitor.net.errors import ExchangeError, failure_of
from monitor.net.http.fields import Head
from monitor.net.http.http2 import ALPN, Request, request_http2
from monitor.net.http.request import USER_AGENT, authority
from monitor.net.sockets.stream import TlsStream
from monitor.probes.measure import ProbeConnection

HTTP1_ONLY = ("http/1.1",)
_BOTH = (ALPN, *HTTP1_ONLY)
_SHARE = 0.5
"""Share of the timeout that an HTTP/2 exchange may take, so that HTTP/1.1 can be compared."""

_NO_APPLICATION_PROTOCOL = "120"
"""The alert of a server that speaks HTTP/2 only (RFC 7301 section 3.2)."""

HTTP2_ONLY = "HTTP2_ONLY"
"""Code of the failure of a server that refuses HTTP/1.1 and breaks HTTP/2."""

ExchangeOnce = Callable[[Sequence[str]], Awaitable[bool]]


class Http2FailedError(Exception):
    """An HTTP/2 exchange failed after HTTP/2 was negotiated."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


async def exchange_by_schedule(conn: ProbeConnection, once: ExchangeOnce) -> None:
    """Exchange by HTTP/1.1, or by HTTP/2 if that is due and the server negotiates it.

    Raises:
        ExchangeError: HTTP2_BROKEN, if HTTP/2 fails and HTTP/1.1 works; as ``once`` otherwise.
    """
    schedule, target_id = conn.probe_context.http2, conn.target.id
    now = conn.probe_context.clock.monotonic()
    offered = _BOTH if schedule.due(target_id, now) else HTTP1_ONLY
    try:
        await once(offered)
    except Http2FailedError as error:
        schedule.repeat(target_id)
        await _compare_with_http1(conn, once, error.failure)
    except ExchangeError as error:
        if offered is _BOTH or not _speaks_http2_only(error):
            raise
        # It was on HTTP/1.1's turn with a server that speaks HTTP/2 only.
        schedule.repeat(target_id)
        conn.failure_override = None
        await once(_BOTH)
    else:
        if offered is _BOTH:
            schedule.passed(target_id, now)


async def _compare_with_http1(conn: ProbeConnection, once: ExchangeOnce, first: Failure) -> None:
    conn.failure_override = None
    try:
        await once(HTTP1_ONLY)
    except ExchangeError as error:
        if not _speaks_http2_only(error):
            raise
        conn.failure_override = None
        raise ExchangeError(FailureKind.HTTP_FORMAT, first.message, HTTP2_ONLY) from None
    raise ExchangeError(FailureKind.HTTP2_BROKEN, first.message, first.code)


def _speaks_http2_only(error: ExchangeError) -> bool:
    return error.kind is FailureKind.TLS_ALERT and error.code == _NO_APPLICATION_PROTOCOL


async def talk_http2(
    conn: ProbeConnection, stream: TlsStream, headers: Mapping[str, str]
) -> tuple[Head, bytes]:
    """Make the request of the target by HTTP/2 and return head and body of the response.

    Raises:
        Http2FailedError: if that fails in any way.
    """
    endpoint = conn.target.endpoint
    fields = {"user-agent": USER_AGENT, "accept": "*/*", **headers}
    host = authority(endpoint.host, endpoint.port, 443)
    request = Request(endpoint.method, host, endpoint.path, fields)

    def first_byte() -> None:
        conn.answered_at = conn.probe_context.clock.time()

    try:
        with conn.stopwatch.phase(Phase.FIRST_BYTE):
            async with asyncio.timeout(conn.target.timeout * _SHARE):
                return await request_http2(stream, request, first_byte)
    except (ExchangeError, EOFError, OSError) as error:
        raise Http2FailedError(failure_of(error, Phase.FIRST_BYTE)) from None
