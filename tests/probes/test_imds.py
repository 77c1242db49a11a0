"""Instance metadata v2 in all its moods.

Covers: monitor/diagnosis/imds_texts.py
"""

from __future__ import annotations

import asyncio
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, Phase, ProbeResult
from monitor.model.settings import MetadataSettings
from monitor.model.target import Target
from monitor.probes import prober
from tests.internet.imds import TOKEN, Mode, Server, metadata
from tests.internet.process import accepts, free_port, running
from tests.internet.rude import Habit, rude, saying, silent
from tests.probes.support import make_probe_context, make_target


async def probe(port: int, seconds: float = 1.0) -> tuple[Target, ProbeResult]:
    target = make_target(Protocol.HTTP, "169.254.169.254", prober="imds", timeout=seconds)
    probe_context = make_probe_context(metadata=MetadataSettings(f"http://127.0.0.1:{port}"))
    return target, await prober("imds")(target, probe_context)


def port_of(server: Server) -> int:
    return int(server.server_address[1])


async def test_a_token_and_with_it_the_document():
    with metadata() as server:
        target, probe_result = await probe(port_of(server), 5)
    assert probe_result.failure is None
    assert diagnose(target, probe_result).cause is None
    assert {Phase.CONNECT, Phase.TOKEN, Phase.IDENTITY} <= set(probe_result.phases)
    assert server.requests == [
        "PUT /latest/api/token",
        "GET /latest/dynamic/instance-identity/document",
    ]
    assert TOKEN not in repr(probe_result)


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
        target, probe_result = await probe(port_of(server), 2.0)
    diagnosis = diagnose(target, probe_result)
    assert diagnosis.cause is cause
    assert probe_result.failure is not None
    assert probe_result.failure.phase is Phase.TOKEN
    assert probe_result.duration < 3
    assert all("credentials" not in request for request in server.requests)


async def test_silence_on_every_request_is_not_called_a_hop_limit():
    async with rude(silent) as port:
        target, probe_result = await probe(port, 0.6)
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.kind) == (
        Phase.TOKEN,
        FailureKind.TIMEOUT,
    )
    assert diagnose(target, probe_result).cause is Cause.HTTP_TIMEOUT


async def test_nobody_there_is_refused():
    target, probe_result = await probe(free_port())
    assert diagnose(target, probe_result).cause is Cause.TCP_REFUSED


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("body", [b"a\r\nb\n", b"", b"\xe9t\xe9", b"t" * 1025])
async def test_a_token_that_is_none_is_not_sent_on(body: bytes):
    async with rude(saying(answer(body))) as port:
        target, probe_result = await probe(port)
    assert probe_result.failure is not None
    assert probe_result.failure.phase is Phase.TOKEN
    assert diagnose(target, probe_result).cause is Cause.IMDS_FOREIGN


@pytest.mark.parametrize("body", [b"login-here", b"[]", b"[" * 60_000])
async def test_a_page_in_the_place_of_the_document_is_no_success(body: bytes):
    async with rude(pages(body)) as port:
        target, probe_result = await probe(port)
    assert probe_result.failure is not None
    assert probe_result.failure.phase is Phase.IDENTITY
    assert diagnose(target, probe_result).cause is Cause.IMDS_FOREIGN


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
        target, probe_result = await probe(port)
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.code) == (Phase.IDENTITY, "401")
    assert diagnose(target, probe_result).cause is Cause.IMDS_REJECTED


def test_the_service_runs_as_a_program_of_its_own(tmp_path: Path):
    port = free_port()
    command = [sys.executable, "-m", "tests.internet.imds", "--port", str(port)]
    with running([*command, "--mode", "disabled"], tmp_path / "log", lambda: accepts(port)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/latest/meta-data/mac", timeout=5)
        refused.value.close()
    assert refused.value.code == 403


async def test_a_token_that_takes_most_of_the_timeout_is_no_failure():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"PUT"):
            await asyncio.sleep(2.2)
        body = b"token" if head.startswith(b"PUT") else b"{}"
        length = str(len(body)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        _, probe_result = await probe(server.sockets[0].getsockname()[1], 4.0)
    assert probe_result.failure is None


def answering(put: bytes | None, get: bytes | None) -> Habit:
    """Return the habit of a server with these answers; None stands for silence."""

    async def habit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        answer = put if request.startswith(b"PUT") else get
        if answer is None:
            await asyncio.Event().wait()
            return
        writer.write(answer)
        await writer.drain()

    return habit


def response(status: str, body: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("get", "cause"),
    [
        (response("401 Unauthorized"), Cause.IMDS_HOP_LIMIT),
        (response("200 OK", b'{"region": "eu-central-1"}'), Cause.IMDS_HOP_LIMIT),
        (response("403 Forbidden"), Cause.IMDS_DISABLED),
        (response("200 OK", b"<html>portal</html>"), Cause.IMDS_FOREIGN),
        (response("302 Found"), Cause.IMDS_FOREIGN),
        (response("404 Not Found"), Cause.IMDS_FOREIGN),
    ],
)
async def test_only_an_answer_of_instance_metadata_shows_a_hop_limit(get: bytes, cause: Cause):
    async with rude(answering(None, get)) as port:
        target, result = await probe(port, 2.0)
    assert diagnose(target, result).cause is cause


@pytest.mark.parametrize(
    ("put", "get"),
    [
        (None, None),
        (b"", b""),
        (b"SSH-2.0-x\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx", b""),
        (response("500 Internal Server Error"), b""),
        (response("200 OK", b"token"), response("502 Bad Gateway")),
    ],
)
async def test_nothing_sends_the_reader_to_an_owner_of_instance_metadata(
    put: bytes | None, get: bytes | None
):
    async with rude(answering(put, get)) as port:
        target, result = await probe(port, 1.0)
    told = diagnose(target, result)
    assert told.cause is not None
    for wrong in ("owner", "load balancer", "another network", "Something else answers"):
        assert wrong not in told.detail + told.remediation


async def test_a_document_that_is_not_json_is_described_without_words_of_python():
    many = b'{"a": ' + b"9" * 5_000 + b"}"
    async with rude(answering(response("200 OK", b"token"), response("200 OK", many))) as port:
        target, result = await probe(port, 5.0)
    told = diagnose(target, result)
    assert told.cause is Cause.IMDS_FOREIGN
    assert "not a JSON object" in told.detail
    assert "int" not in told.detail.replace("instance", "")
