"""HTTP and HTTPS: one request, and whether the response is one that the endpoint should give."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from monitor.common.sanitize import sanitize
from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.probe_result import FailureKind, HttpFacts, Phase, ProbeResult
from monitor.model.secret import Secret
from monitor.model.target import Target
from monitor.net.aws.responses import is_from_aws, names_endpoint_policy
from monitor.net.errors import ExchangeError
from monitor.net.http import http2
from monitor.net.http.date import date_offset
from monitor.net.http.fields import Head
from monitor.net.http.proxy_fields import authentication_schemes
from monitor.net.http.request import authority, encode_request
from monitor.net.http.response import (
    BODY_LIMIT,
    ResponseParser,
    check_gzip,
    decoded,
    read_response,
)
from monitor.net.sockets.stream import Stream, TlsStream
from monitor.probes.context import ProbeContext
from monitor.probes.http2 import HTTP1_ONLY, exchange_by_schedule, talk_http2
from monitor.probes.measure import ProbeConnection, measure
from monitor.probes.proxy_paths import measure_proxy_paths
from monitor.probes.transport import open_transport

VALUE_LIMIT = 256
"""Characters of a text that a server sent, at most."""

_LEGAL, _NETWORK_LOGIN = 451, 511
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_BODY_KEPT = 4096
_DEFAULT_PORT = {Protocol.HTTPS: 443, Protocol.HTTP: 80}
KEPT_HEADERS = frozenset(
    {
        "age",
        "cf-ray",
        "content-length",
        "content-type",
        "date",
        "proxy-status",
        "retry-after",
        "server",
        "via",
        "x-amz-cf-id",
        "x-cache",
        "x-squid-error",
    }
)
"""Fields that are kept of a response besides those that an endpoint expects: enough to show who
answered, and nothing that should carry a credential."""

_BLOCKED_BY = re.compile(r"rel\s*=\s*\"?blocked-by\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asking:
    """The parts of a request that differ: headers besides the usual ones, the bytes of body that
    are read, and the function that gets each response which the endpoint should give."""

    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    body_limit: int = BODY_LIMIT
    on_answer: Callable[[ResponseParser], None] = lambda _: None


_PLAIN = Asking(headers={"Accept-Encoding": "gzip"})
"""The request of a probe: it accepts the content coding that Go's client asks for."""


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Send one request and read its response, at most 64 KiB of the body.

    A redirect is a response: it is reported (host and path, no query) and not followed.
    """
    exchange = partial(_exchange, asking=_PLAIN)
    return await measure_proxy_paths(target, probe_context, exchange, target.endpoint.protocol)


async def ask(target: Target, probe_context: ProbeContext, asking: Asking) -> ProbeResult:
    """Probe with the request and the use of the response that ``asking`` defines, by the path that
    counts only."""
    proxy = probe_context.proxy_paths.of(target, target.endpoint.protocol).taken
    return await measure(target, probe_context, partial(_exchange, asking=asking), proxy=proxy)


async def _exchange(conn: ProbeConnection, asking: Asking) -> None:
    secure = conn.target.endpoint.protocol is Protocol.HTTPS
    if secure and asking is _PLAIN:
        await exchange_by_schedule(conn, partial(_exchange_once, conn, asking))
    else:
        await _exchange_once(conn, asking, HTTP1_ONLY)


async def _exchange_once(conn: ProbeConnection, asking: Asking, alpn: Sequence[str]) -> bool:
    """Make one request; returns whether HTTP/2 was negotiated."""
    secure = conn.target.endpoint.protocol is Protocol.HTTPS
    async with open_transport(conn, secure=secure, tunnel=secure, alpn=alpn) as stream:
        if isinstance(stream, TlsStream) and stream.tls.selected_alpn_protocol() == http2.ALPN:
            head, body = await talk_http2(conn, stream, _headers(conn, asking.headers))
            conn.http = _facts(conn, head, body)
            _judge(conn.target.endpoint, head)
            _check_coding(asking, head, body, whole=len(body) < BODY_LIMIT)
            return True
        parser = ResponseParser(conn.target.endpoint.method, asking.body_limit)
        try:
            await _talk(conn, stream, parser, asking.headers)
        finally:
            if parser.head is not None:
                conn.http = _facts(conn, parser.head, parser.body)
    if parser.head is not None:
        _judge(conn.target.endpoint, parser.head)
        _look_for_a_denial(parser.head, decoded(parser.head, parser.body, _BODY_KEPT))
        _check_coding(asking, parser.head, parser.body, whole=not parser.capped)
        asking.on_answer(parser)
    return False


def _check_coding(asking: Asking, head: Head, body: bytes | bytearray, *, whole: bool) -> None:
    """Check the coding of a body that Go's client would decode: the one that it asked for."""
    if asking is _PLAIN and 200 <= head.status <= 299:
        check_gzip(head, body, whole=whole)


async def _talk(
    conn: ProbeConnection,
    stream: Stream,
    parser: ResponseParser,
    headers: Mapping[str, str | Secret],
) -> None:
    with conn.stopwatch.phase(Phase.FIRST_BYTE):
        await stream.send(_request(conn, headers))
        data = await stream.receive()
        if not data:
            raise EOFError
    conn.answered_at = conn.probe_context.clock.time()
    with conn.stopwatch.phase(Phase.TRANSFER):
        parser.feed(data)
        await read_response(stream, parser)


def _date_offset(conn: ProbeConnection, head: Head) -> float | None:
    waited = conn.stopwatch.durations.get(Phase.FIRST_BYTE, 0.0)
    return date_offset(head.headers, conn.answered_at, waited)


def _request(conn: ProbeConnection, more: Mapping[str, str | Secret]) -> bytes:
    endpoint = conn.target.endpoint
    host = authority(endpoint.host, endpoint.port, _DEFAULT_PORT.get(endpoint.protocol))
    headers, target = _headers(conn, more), endpoint.path
    if conn.proxy and endpoint.protocol is Protocol.HTTP:
        target = f"http://{host}{endpoint.path}"
    return encode_request(endpoint.method, target, host, headers)


def _headers(conn: ProbeConnection, more: Mapping[str, str | Secret]) -> dict[str, str]:
    headers = {k: v.reveal() if isinstance(v, Secret) else v for k, v in more.items()}
    plain = conn.target.endpoint.protocol is Protocol.HTTP
    if conn.proxy and conn.proxy.authorization and plain:
        headers["Proxy-Authorization"] = conn.proxy.authorization
    return headers


def _facts(conn: ProbeConnection, head: Head, body: bytes | bytearray) -> HttpFacts:
    endpoint = conn.target.endpoint
    length = head.headers.get("content-length", "")
    return HttpFacts(
        version=head.version,
        status=head.status,
        headers=_kept(conn, head),
        content_length=int(length) if length.isdecimal() and len(length) < 19 else None,
        body_bytes=len(body),
        body=decoded(head, body, _BODY_KEPT),
        redirect=_redirect(endpoint, head),
        date_offset=_date_offset(conn, head),
    )


def _kept(conn: ProbeConnection, head: Head) -> Mapping[str, str]:
    """Return the fields that show who answered; a peer may repeat credentials in any of them."""
    names = KEPT_HEADERS.union(conn.target.endpoint.expect.headers)
    hide = conn.proxy.redact if conn.proxy else str
    kept = {n: sanitize(hide(head.headers[n]), VALUE_LIMIT) for n in names if n in head.headers}
    if _BLOCKED_BY.search(head.headers.get("link", "")):
        kept["link"] = "blocked-by"
    if schemes := authentication_schemes(head):
        kept["proxy-authenticate"] = schemes
    return kept


def _redirect(endpoint: Endpoint, head: Head) -> str | None:
    """Return where the answer points to as scheme, host and path: a query may hold a
    signature, and userinfo a password."""
    location = head.headers.get("location")
    if location is None or not 300 <= head.status <= 399:
        return None
    try:
        url = urlsplit(location)
        host, port = url.hostname or endpoint.host, url.port
    except ValueError:
        return "(unreadable)"
    if not _HOST.fullmatch(host):
        return "(unreadable)"
    scheme = url.scheme or endpoint.protocol.value
    where = authority(host, port) if port else host
    return sanitize(f"{scheme}://{where}{url.path}", VALUE_LIMIT)


def _judge(endpoint: Endpoint, head: Head) -> None:
    """Raise unless the answer is one that the endpoint gives.

    Raises:
        ExchangeError: HTTP_STATUS, or HTTP_UNPROVEN when the header is missing that shows
            that the service itself answered.
    """
    expect = endpoint.expect
    if head.status not in expect.statuses or _is_of_the_path(head):
        message = f"the answer was {head.status}, expected {expect.statuses}"
        raise ExchangeError(FailureKind.HTTP_STATUS, message, str(head.status))
    if expect.headers and not any(name in head.headers for name in expect.headers):
        wanted = " or ".join(expect.headers)
        message = f"the answer {head.status} has no {wanted} header: not the service's own"
        raise ExchangeError(FailureKind.HTTP_UNPROVEN, message, str(head.status))


def _is_of_the_path(head: Head) -> bool:
    """Whether the response is marked as one of the path, whatever status the endpoint may have: 511
    (RFC 6585 section 6), and 451 with a link to the blocking party (RFC 7725 section 4)."""
    blocked = head.status == _LEGAL and _BLOCKED_BY.search(head.headers.get("link", ""))
    return head.status == _NETWORK_LOGIN or bool(blocked)


def _look_for_a_denial(head: Head, body: bytes) -> None:
    """Raise if AWS was reached through a VPC endpoint whose policy denies the request.

    Raises:
        ExchangeError: ENDPOINT_POLICY.
    """
    refused = 400 <= head.status <= 499 and is_from_aws(head.headers)
    if refused and names_endpoint_policy(body.decode("utf-8", "replace")):
        message = f"the answer {head.status} names the VPC endpoint's policy"
        raise ExchangeError(FailureKind.ENDPOINT_POLICY, message, str(head.status))
