"""AMI access: does this account see the AMIs that a runner needs, and may it launch them."""

from __future__ import annotations

import asyncio
from functools import partial

from monitor.common.sanitize import printable
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Attempt, Failure, FailureKind, HttpFacts, Phase
from monitor.model.target import Launch, Target
from monitor.net.aws.credentials import NoCredentialsError
from monitor.net.aws.ec2 import (
    ANSWER_LIMIT,
    Meaning,
    Refusal,
    describe_images,
    dry_run,
    meaning,
    newest_image,
    refusal,
)
from monitor.net.aws.sigv4 import Credentials, signed_headers
from monitor.net.errors import ExchangeError
from monitor.net.http.http1 import Head, ResponseParser, authority, encode_request, read_response
from monitor.probes.context import Tools
from monitor.probes.http import VALUE_LIMIT
from monitor.probes.measure import Wire, measure
from monitor.probes.transport import channel

_USUAL_PORTS = {Protocol.HTTPS: 443, Protocol.HTTP: 80}
_BODY_KEPT = 4096
_KINDS = {
    Meaning.CREDENTIALS: FailureKind.AWS_CREDENTIALS,
    Meaning.PERMISSION: FailureKind.AWS_PERMISSION,
    Meaning.ENDPOINT_POLICY: FailureKind.ENDPOINT_POLICY,
    Meaning.IMAGE: FailureKind.AMI_REFUSED,
    Meaning.OTHER: FailureKind.HTTP_STATUS,
}


async def probe(target: Target, tools: Tools) -> Attempt:
    """Ask EC2 for the newest AMI of ``target.endpoint.query`` (``OWNER/NAME``, the name with
    ``*``), then whether it could be launched: a dry run, which launches nothing.

    The credentials are neither kept in what is returned nor shown.
    """
    started_at, begun = tools.clock.time(), tools.clock.monotonic()
    try:
        credentials = await _credentials(target, tools)
    except NoCredentialsError as error:
        failure = Failure(Phase.CREDENTIALS, FailureKind.AWS_CREDENTIALS, str(error))
        duration = tools.clock.monotonic() - begun
        return Attempt(target.id, started_at, duration, failure=failure)
    proxy = tools.ways.of(target, target.endpoint.protocol).taken
    exchange = partial(_exchange, credentials=credentials)
    attempt = await measure(target, tools, exchange, proxy=proxy)
    if tools.aws and attempt.failure and attempt.failure.kind is FailureKind.AWS_CREDENTIALS:
        tools.aws.forget()
    return attempt


async def _credentials(target: Target, tools: Tools) -> Credentials:
    """Return credentials.

    Raises:
        NoCredentialsError: if there are none, or none in time.
    """
    if tools.aws is None:
        raise NoCredentialsError("there is nowhere to look for them")
    try:
        async with asyncio.timeout(target.timeout / 2):
            return await tools.aws.get()
    except TimeoutError:
        raise NoCredentialsError("no answer in time from where they come from") from None


async def _exchange(wire: Wire, credentials: Credentials) -> None:
    owner, _, name = wire.target.endpoint.query.partition("/")
    launch = wire.target.launch or Launch()
    head, body = await _ask(wire, describe_images(owner, name), credentials)
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
    answer = _error(*await _ask(wire, query, credentials))
    if meaning(answer) is not Meaning.PASSED:
        raise _refused(answer, image.id)


async def _ask(wire: Wire, query: str, credentials: Credentials) -> tuple[Head, bytes]:
    """Send one signed request and return the whole answer.

    Raises:
        ExchangeError: HTTP_FORMAT, if it is no HTTP or longer than ``ANSWER_LIMIT``.
    """
    endpoint, launch = wire.target.endpoint, wire.target.launch or Launch()
    host = authority(endpoint.host, endpoint.port, _USUAL_PORTS.get(endpoint.protocol))
    signature = signed_headers(
        "GET",
        f"{endpoint.protocol}://{host}/?{query}",
        {},
        b"",
        credentials=credentials,
        region=launch.region,
        service="ec2",
        now=wire.tools.clock.time(),
    )
    parser = ResponseParser("GET", ANSWER_LIMIT)
    async with channel(wire, secure=endpoint.protocol is Protocol.HTTPS) as stream:
        with wire.stopwatch.phase(Phase.FIRST_BYTE):
            await stream.send(encode_request("GET", f"/?{query}", host, signature))
            data = await stream.receive()
            if not data:
                raise EOFError
        with wire.stopwatch.phase(Phase.TRANSFER):
            parser.feed(data)
            head = await read_response(stream, parser)
    if parser.capped:
        raise ExchangeError(FailureKind.HTTP_FORMAT, f"more than {ANSWER_LIMIT} bytes of answer")
    body = bytes(parser.body)
    kind = printable(head.headers.get("content-type", ""), VALUE_LIMIT)
    kept = body[:_BODY_KEPT]
    wire.http = HttpFacts(head.version, head.status, {"content-type": kind}, None, len(body), kept)
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
    message = printable(f"{error.code}{what}: {error.message}", VALUE_LIMIT)
    return ExchangeError(_KINDS[meaning(error)], message, error.code)
