"""Instance metadata v2 in all its moods."""

from __future__ import annotations

import pytest

from monitor.diagnosis import diagnose
from monitor.model import Attempt, Cause, Phase, Protocol, Target
from monitor.probes import prober
from monitor.settings import MetadataSettings
from tests.internet.imds import TOKEN, Mode, Server, metadata
from tests.internet.process import free_port
from tests.internet.rude import rude, saying, silent
from tests.probes.support import make_target, make_tools


async def probe(port: int, seconds: float = 1.0) -> tuple[Target, Attempt]:
    target = make_target(Protocol.HTTP, "169.254.169.254", prober="imds", timeout=seconds)
    tools = make_tools(metadata=MetadataSettings(f"http://127.0.0.1:{port}"))
    return target, await prober("imds")(target, tools)


def port_of(server: Server) -> int:
    return int(server.server_address[1])


async def test_a_token_and_with_it_the_document():
    with metadata() as server:
        target, attempt = await probe(port_of(server), 5)
    assert attempt.failure is None
    assert diagnose(target, attempt).cause is None
    assert {Phase.CONNECT, Phase.TOKEN, Phase.IDENTITY} <= set(attempt.phases)
    assert server.requests == [
        "PUT /latest/api/token",
        "GET /latest/dynamic/instance-identity/document",
    ]
    assert TOKEN not in repr(attempt)


@pytest.mark.parametrize(
    ("mode", "cause"),
    [
        (Mode.HOP_LIMIT, Cause.IMDS_HOP_LIMIT),
        (Mode.DISABLED, Cause.IMDS_DISABLED),
        (Mode.V1_ONLY, Cause.IMDS_V1_ONLY),
    ],
)
async def test_each_way_to_fail_has_its_own_cause(mode: Mode, cause: Cause):
    with metadata(mode) as server:
        target, attempt = await probe(port_of(server))
    verdict = diagnose(target, attempt)
    assert verdict.cause is cause
    assert attempt.duration < 2
    assert all("credentials" not in request for request in server.requests)


async def test_silence_on_every_request_is_not_called_a_hop_limit():
    async with rude(silent) as port:
        _, attempt = await probe(port, 0.6)
    assert attempt.failure is not None
    assert attempt.failure.phase is Phase.TOKEN


async def test_nobody_there_is_refused():
    target, attempt = await probe(free_port())
    assert diagnose(target, attempt).cause is Cause.TCP_REFUSED


async def test_a_token_that_is_none_is_not_sent_on():
    bad = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na\r\nb\n"
    async with rude(saying(bad)) as port:
        target, attempt = await probe(port)
    assert diagnose(target, attempt).cause is Cause.HTTP_PROTOCOL
