"""Instance metadata v2 in all its moods."""

from __future__ import annotations

import asyncio
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.diagnosis import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Attempt, FailureKind, Phase
from monitor.model.settings import MetadataSettings
from monitor.model.target import Target
from monitor.probes import prober
from tests.internet.imds import TOKEN, Mode, Server, metadata
from tests.internet.process import accepts, free_port, running
from tests.internet.rude import Habit, rude, saying, silent
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
        target, attempt = await probe(port_of(server), 2.0)
    verdict = diagnose(target, attempt)
    assert verdict.cause is cause
    assert attempt.failure is not None
    assert attempt.failure.phase is Phase.TOKEN
    assert attempt.duration < 2
    assert all("credentials" not in request for request in server.requests)


async def test_silence_on_every_request_is_not_called_a_hop_limit():
    async with rude(silent) as port:
        target, attempt = await probe(port, 0.6)
    assert attempt.failure is not None
    assert (attempt.failure.phase, attempt.failure.kind) == (Phase.TOKEN, FailureKind.TIMEOUT)
    assert diagnose(target, attempt).cause is Cause.HTTP_TIMEOUT


async def test_nobody_there_is_refused():
    target, attempt = await probe(free_port())
    assert diagnose(target, attempt).cause is Cause.TCP_REFUSED


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("body", [b"a\r\nb\n", b"", b"\xe9t\xe9", b"t" * 1025])
async def test_a_token_that_is_none_is_not_sent_on(body: bytes):
    async with rude(saying(answer(body))) as port:
        target, attempt = await probe(port)
    assert attempt.failure is not None
    assert attempt.failure.phase is Phase.TOKEN
    assert diagnose(target, attempt).cause is Cause.HTTP_PROTOCOL


@pytest.mark.parametrize("body", [b"login-here", b"[]", b"[" * 60_000])
async def test_a_page_in_the_place_of_the_document_is_no_success(body: bytes):
    async with rude(pages(body)) as port:
        target, attempt = await probe(port)
    assert attempt.failure is not None
    assert attempt.failure.phase is Phase.IDENTITY
    assert diagnose(target, attempt).cause is Cause.HTTP_PROTOCOL


def pages(body: bytes) -> Habit:
    """Give a token to who asks for one, and ``body`` to everybody else."""

    async def habit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(65536)
        writer.write(answer(b"token" if request.startswith(b"PUT") else body))
        await writer.drain()

    return habit


async def test_a_refusal_of_a_good_token_is_told_with_its_status():
    async def habit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(65536)
        refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
        writer.write(answer(b"token") if request.startswith(b"PUT") else refusal)
        await writer.drain()

    async with rude(habit) as port:
        target, attempt = await probe(port)
    assert attempt.failure is not None
    assert (attempt.failure.phase, attempt.failure.code) == (Phase.IDENTITY, "401")
    assert diagnose(target, attempt).cause is Cause.HTTP_STATUS


def test_the_service_runs_as_a_program_of_its_own(tmp_path: Path):
    port = free_port()
    command = [sys.executable, "-m", "tests.internet.imds", "--port", str(port)]
    with running([*command, "--mode", "disabled"], tmp_path / "log", lambda: accepts(port)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/latest/meta-data/mac", timeout=5)
        refused.value.close()
    assert refused.value.code == 403
