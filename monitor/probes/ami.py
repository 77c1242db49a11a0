"""AMI access: does this account see the AMIs that a runner needs, and may it launch them."""

from __future__ import annotations

import asyncio
from functools import partial

from monitor.common.sanitize import sanitize
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Failure, FailureKind, HttpFacts, Phase, ProbeResult
from monitor.model.target import Launch, Target
from monitor.net.aws.credentials import NoCredentialsError
from monitor.net.aws.ec2 import (
    ANSWER_LIMIT,
    Disposition,
    Refusal,
    describe_images,
    disposition,
    dry_run,
    newest_image,
    refusal,
)
from monitor.net.aws.sigv4 import Credentials, signed_headers
from monitor.net.errors import ExchangeError
from monitor.net.http.fields import Head
from monitor.net.http.request import authority, encode_request
from monitor.net.http.response import ResponseParser, read_response
from monitor.probes.context import ProbeContext
from monitor.probes.http import VALUE_LIMIT
from monitor.probes.measure import ProbeConnection, measure
from monitor.probes.transport import open_transport

_USUAL_PORTS = {Protocol.HTTPS: 443, Protocol.HTTP: 80}
_BODY_KEPT = 4096
_KINDS = {
    Disposition.CREDENTIALS: FailureKind.AWS_CREDENTIALS,
    Disposition.PERMISSION: FailureKind.AWS_PERMISSION,
    Disposition.ENDPOINT_POLICY: FailureKind.ENDPOINT_POLICY,
    Disposition.IMAGE: FailureKind.AMI_REFUSED,
    Disposition.OTHER: FailureKind.HTTP_STATUS,
}


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Ask EC2 for the newest AMI of ``target.endpoint.query`` (``OWNER/NAME``, the name with
    ``*``), then whether it could be launched: a dry run, which launches nothing.

    The credentials are neither kept in what is returned nor shown.
    """
    started_at, begun = probe_context.clock.time(), probe_context.clock.monotonic()
    try:
        credentials = await _credentials(target, probe_context)
    except NoCredentialsError as error:
        failure = Failure(Phase.CREDENTIALS, FailureKind.AWS_CREDENTIALS, str(error))
        duration = probe_context.clock.monotonic() - begun
        return ProbeResult(target.id, started_at, duration, failure=failure)
    proxy = probe_context.proxy_paths.of(target, target.endpoint.protocol).taken
    exchange = partial(_exchange, credentials=credentials)
    probe_result = await measure(target, probe_context, exchange, proxy=proxy)
    if (
        probe_context.aws
        and probe_result.failure
        and probe_result.failure.kind is FailureKind.AWS_CREDENTIALS
    ):
        probe_context.aws.forget()
    return probe_result


async def _credentials(target: Target, probe_context: ProbeContext) -> Credentials:
    """Return credentials.

    Raises:
        NoCredentialsError: if there are none, or none in time.
    """
    if probe_context.aws is None:
        raise NoCredentialsError("there is nowhere to look for them")
    try:
        async with asyncio.timeout(target.timeout / 2):
            return await probe_context.aws.get()
    except TimeoutError:
        raise NoCredentialsError("no answer in time from where they come from") from None


async def _exchange(conn: ProbeConnection, credentials: Credentials) -> None:
    owner, _, name = conn.target.endpoint.query.partition("/")
    launch = conn.target.launch or Launch()
    head, body = await _ask(conn, describe_images(owner, name), credentials)
    if head.status != 200:
        raise _refused(_error(head, body))
    try:
        image = newest_image(body)
    except ValueError as error:
        raise ExchangeError(FailureKind.HTTP_UNPROVEN, str(error), "200") from None
    if image is None:
        message = f"DescribeImages finds none of owner {owner}"
        raise ExchangeError(FailureKind.AMI_NONE, message)
    query = dry_run(image, launch.instance_type, launch.subnet_id)
    answer = _error(*await _ask(conn, query, credentials))
    if disposition(answer) is not Disposition.PASSED:
        raise _refused(answer, image.id)


async def _ask(conn: ProbeConnection, query: str, credentials: Credentials) -> tuple[Head, bytes]:
    """Send one signed request and return the whole answer.

    Raises:
        ExchangeError: HTTP_FORMAT, if it is not HTTP or longer than ``ANSWER_LIMIT``.
    """
    endpoint, launch = conn.target.endpoint, conn.target.launch or Launch()
    host = authority(endpoint.host, endpoint.port, _USUAL_PORTS.get(endpoint.protocol))
    signature = signed_headers(
        "GET",
        f"{endpoint.protocol}://{host}/?{query}",
        {},
        b"",
        credentials=credentials,
        region=launch.region,
        service="ec2",
        now=conn.probe_context.clock.time(),
    )
    parser = ResponseParser("GET", ANSWER_LIMIT)
    async with open_transport(conn, secure=endpoint.protocol is Protocol.HTTPS) as stream:
        with conn.stopwatch.phase(Phase.FIRST_BYTE):
            await stream.send(encode_request("GET", f"/?{query}", host, signature))
            data = await stream.receive()
            if not data:
                raise EOFError
        with conn.stopwatch.phase(Phase.TRANSFER):
            parser.feed(data)
            head = await read_response(stream, parser)
    if parser.capped:
        raise ExchangeError(FailureKind.HTTP_FORMAT, f"more than {ANSWER_LIMIT} bytes of answer")
    body = bytes(parser.body)
    kind = sanitize(head.headers.get("content-type", ""), VALUE_LIMIT)
    kept = body[:_BODY_KEPT]
    conn.http = HttpFacts(head.version, head.status, {"content-type": kind}, None, len(body), kept)
    return head, body


def _error(head: Head, body: bytes) -> Refusal:
    """Return the error that an answer is.

    Raises:
        ExchangeError: HTTP_UNPROVEN, if it is not EC2 that answered.
    """
    try:
        return refusal(body)
    except ValueError as error:
        message = f"the answer {head.status} is not EC2's: {error}"
        raise ExchangeError(FailureKind.HTTP_UNPROVEN, message, str(head.status)) from None


def _refused(error: Refusal, image_id: str = "") -> ExchangeError:
    what = f" for {image_id}" if image_id and image_id not in error.message else ""
    message = sanitize(f"{error.code}{what}: {error.message}", VALUE_LIMIT)
    return ExchangeError(_KINDS[disposition(error)], message, error.code)
