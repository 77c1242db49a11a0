"""A pulse is a cheap exchange with a real peer that never raises and ends at its limit."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import Random

import pytest

from monitor.model.pulse import PulseKind, PulsePoint
from monitor.net.dns.message import decode
from monitor.probes.pulse import pulse
from tests.internet.datagrams import datagrams

RANDOM = Random(1)


@asynccontextmanager
async def serving(reply: bytes = b"") -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reply:
            await reader.read(1000)
            writer.write(reply)
        await reader.read(1000)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def tcp(port: int) -> PulsePoint:
    return PulsePoint(PulseKind.TCP, "127.0.0.1", port)


async def test_a_connection_is_measured_by_the_kernel() -> None:
    async with serving() as port:
        result = await pulse(tcp(port), RANDOM, 1.0)
    assert result.ok
    assert result.rtt is not None
    assert 0 < result.rtt < 0.5
    assert result.retransmits == 0


async def test_a_refused_connection_is_a_failure() -> None:
    with closed_port() as port:
        assert not (await pulse(tcp(port), RANDOM, 1.0)).ok


async def test_silence_ends_at_the_limit() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        begun = time.monotonic()
        result = await pulse(tcp(port), RANDOM, 0.3)
        took = time.monotonic() - begun
        for filler in fillers:
            filler.close()
    assert not result.ok
    assert took < 5


def reply_of(index: bytes) -> bytes:
    return bytes.fromhex("12000000") + index + bytes(8)


async def test_a_lighthouse_is_recognized_by_our_index_only() -> None:
    def answer(data: bytes) -> list[bytes]:
        return [b"junk", reply_of(b"\0\0\0\1"), reply_of(data[4:8])]

    async with datagrams(answer) as port:
        result = await pulse(PulsePoint(PulseKind.NEBULA, "127.0.0.1", port), RANDOM, 1.0)
    assert result.ok
    assert result.rtt is not None


async def test_one_lost_datagram_is_sent_again() -> None:
    seen: list[bytes] = []

    def answer(data: bytes) -> list[bytes]:
        seen.append(data)
        return [] if len(seen) == 1 else [reply_of(data[4:8])]

    async with datagrams(answer) as port:
        result = await pulse(PulsePoint(PulseKind.NEBULA, "127.0.0.1", port), RANDOM, 3.0)
    assert (result.ok, result.retransmits, result.rtt) == (True, 1, None)


async def test_a_flood_of_stray_datagrams_ends_the_pulse() -> None:
    async with datagrams(lambda _: [b"stray"] * 50) as port:
        point = PulsePoint(PulseKind.NEBULA, "127.0.0.1", port)
        assert not (await pulse(point, RANDOM, 3.0)).ok


async def test_a_name_server_answers_with_any_response_code() -> None:
    def answer(data: bytes) -> list[bytes]:
        assert decode(data[:2] + b"\x80\0" + data[4:])
        return [data[:2] + b"\x81\x83" + data[4:10] + b"\0\0" + data[12:-11]]

    async with datagrams(answer) as port:
        point = PulsePoint(PulseKind.DNS, "127.0.0.1", port, "app.gitpod.io")
        assert (await pulse(point, RANDOM, 1.0)).ok


@pytest.mark.parametrize(
    ("reply", "ok"),
    [
        (b"HTTP/1.1 200 Connection established\r\n\r\n", True),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", False),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", False),
        (b"rubbish", False),
    ],
)
async def test_a_proxy_is_asked_for_a_tunnel(reply: bytes, *, ok: bool) -> None:
    async with serving(reply) as port:
        point = PulsePoint(PulseKind.PROXY, "127.0.0.1", port, "app.gitpod.io:443")
        assert (await pulse(point, RANDOM, 2.0)).ok is ok
