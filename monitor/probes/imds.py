"""Prober of instance metadata v2: a token, then the identity document."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from monitor.model.probe_result import Failure, FailureKind, HttpFacts, Phase, ProbeResult
from monitor.model.target import Target
from monitor.net.aws.imds import (
    DOCUMENT_PATH,
    TOKEN_PATH,
    TOKEN_REQUEST,
    json_object,
    token_headers,
)
from monitor.net.errors import ExchangeError
from monitor.net.http.fields import Head
from monitor.net.http.request import authority, encode_request
from monitor.net.http.response import ResponseParser, read_response
from monitor.net.stopwatch import Stopwatch
from monitor.probes.context import ProbeContext
from monitor.probes.measure import ProbeConnection, measure

ADDRESS = "169.254.169.254"
_TOKEN_REQUIRED, _DISABLED = 401, 403


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Get a token (PUT) and with it the identity document (AWS: instance metadata v2).

    If the token does not come, a GET without one distinguishes a hop limit of 1 (it is answered
    401), a disabled service (403) and one that supports version 1 only (200). The
    token is not kept, and no credentials are ever asked for. AWS's own variable
    AWS_EC2_METADATA_SERVICE_ENDPOINT redirects the well-known address.
    """
    return await measure(
        _redirected(target, probe_context.metadata.endpoint), probe_context, _exchange
    )


def _redirected(target: Target, endpoint: str) -> Target:
    url = urlsplit(endpoint)
    if target.host != ADDRESS or target.address or url.hostname in {None, ADDRESS}:
        return target
    dialled = replace(target.endpoint, host=url.hostname or ADDRESS, port=url.port or 80)
    return replace(target, endpoint=dialled)


async def _exchange(conn: ProbeConnection) -> None:
    head, body = await _token(conn)
    headers = _headers_with_token(head, body)
    head, body = await _request(conn, Phase.IDENTITY, "GET", DOCUMENT_PATH, headers)
    conn.http = HttpFacts(head.version, head.status, {}, None, len(body))
    if head.status != 200:
        raise _status(head.status)
    _check_document(body)


async def _token(conn: ProbeConnection) -> tuple[Head, bytes]:
    """Request a token with the full timeout.

    If that takes more than half of it, a GET without a token runs beside it: its answer separates
    a hop limit from silence, in case the token never comes.
    """
    request = asyncio.create_task(_request(conn, Phase.TOKEN, "PUT", TOKEN_PATH, TOKEN_REQUEST))
    try:
        await asyncio.wait([request], timeout=conn.target.timeout / 2)
        if not request.done() and conn.stopwatch.current is Phase.TOKEN:
            doubt = asyncio.create_task(_follow_up_without_token(conn))
            try:
                await asyncio.wait([request])
            finally:
                doubt.cancel()
                await asyncio.gather(doubt, return_exceptions=True)
        response = await request
        conn.failure_override = None
        return response
    finally:
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)


async def _request(
    conn: ProbeConnection, phase: Phase, method: str, path: str, headers: Mapping[str, str]
) -> tuple[Head, bytes]:
    host = authority(conn.target.host, conn.target.port, 80)
    parser = ResponseParser(method=method)
    async with conn.dialled() as stream:
        with conn.stopwatch.phase(phase):
            await stream.send(encode_request(method, path, host, headers))
            head = await read_response(stream, parser)
    return head, bytes(parser.body)


def _headers_with_token(head: Head, body: bytes) -> Mapping[str, str]:
    """Return the headers of the next request, from the answer to the PUT.

    Raises:
        ExchangeError: IMDS_DISABLED, IMDS_V1_ONLY, IMDS_STATUS or IMDS_FOREIGN.
    """
    if head.status in {404, 405, 501}:
        raise ExchangeError(FailureKind.IMDS_V1_ONLY, "tokens are not supported", str(head.status))
    if head.status != 200:
        raise _status(head.status)
    try:
        return token_headers(body)
    except ValueError as error:
        raise ExchangeError(FailureKind.IMDS_FOREIGN, str(error)) from None


def _check_document(body: bytes) -> None:
    """Check the identity document: anything may answer 200 to anything.

    Raises:
        ExchangeError: IMDS_FOREIGN.
    """
    try:
        json_object(body)
    except ValueError as error:
        message = f"the identity document cannot be read: {error}"
        raise ExchangeError(FailureKind.IMDS_FOREIGN, message) from None


def _status(status: int) -> ExchangeError:
    if status == _DISABLED:
        return ExchangeError(FailureKind.IMDS_DISABLED, "instance metadata is disabled", "403")
    message = (
        f"it answered {status}, a redirect" if 300 <= status < 400 else f"it answered {status}"
    )
    return ExchangeError(FailureKind.IMDS_STATUS, message, str(status))


async def _follow_up_without_token(conn: ProbeConnection) -> None:
    """Ask without a token: an answer of instance metadata shows that only the token's own way is
    cut."""
    conn.failure_override = Failure(
        Phase.TOKEN, FailureKind.TIMEOUT, "the token request got no answer"
    )
    look = ProbeConnection(
        conn.target,
        conn.probe_context,
        conn.address,
        conn.port,
        Stopwatch(conn.probe_context.clock, Phase.IDENTITY),
    )
    head, body = await _request(look, Phase.IDENTITY, "GET", DOCUMENT_PATH, {})
    message = f"the token request got no answer, a GET without token {head.status}"
    kind = FailureKind.IMDS_HOP_LIMIT if _is_own(head, body) else FailureKind.IMDS_FOREIGN
    if head.status == _DISABLED:
        kind = FailureKind.IMDS_DISABLED
    conn.failure_override = Failure(Phase.TOKEN, kind, message, code=str(head.status))


def _is_own(head: Head, body: bytes) -> bool:
    """Whether instance metadata gives such an answer to a GET without a token: 401 if it requires
    one, else the document."""
    if head.status != 200:
        return head.status == _TOKEN_REQUIRED
    try:
        json_object(body)
    except ValueError:
        return False
    return True
